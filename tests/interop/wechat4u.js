// wechat4u: desktop login, contacts, inbound and outbound messages, logout.
//
// The package is unmodified. An axios interceptor redirects each request for a WeChat host to the
// simulator and keeps the Host header.
'use strict'

const origin = process.env.SIMULATOR
const axios = require('axios')
const create = axios.create
axios.create = defaults => {
  const instance = create(defaults)
  instance.interceptors.request.use(config => {
    const address = new URL(config.url)
    if (/\.(qq|wechat)\.com$/.test(address.hostname)) {
      config.headers['Host'] = address.host
      config.url = origin + address.pathname + address.search
    }
    return config
  })
  return instance
}
const Wechat = require('wechat4u')

const fail = why => {
  console.error('wechat4u:', why && why.stack ? why.stack : why)
  process.exit(1)
}
const same = (what, found, wanted) => {
  if (JSON.stringify(found) !== JSON.stringify(wanted)) {
    throw new Error(`${what}: found ${JSON.stringify(found)}, wanted ${JSON.stringify(wanted)}`)
  }
}
const control = async (path, body) => {
  const request = body && { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  const response = await fetch(`${origin}/_sim/${path}`, request || {})
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
  return response.json()
}
// Resolves when `ready` returns true. It is called now and after each of these events.
const when = (bot, events, ready) => new Promise(resolve => {
  const check = () => ready() && resolve()
  events.forEach(event => bot.on(event, check))
  check()
})

async function main () {
  const uin = 1003
  await control('accounts', {
    uin,
    nick_name: '小明 & 😄',
    friends: 10,
    groups: 2,
    members_per_group: 60,
    official_accounts: 1,
    named_friends: [{ nick_name: '李雷 <3', remark_name: '老李', city: '深圳' }],
    named_groups: [{ nick_name: '家 & 友', saved: false, members: [{ nick_name: '李雷 <3' }, { nick_name: '三叔' }] }],
    no_web: true
  })
  const checked = []
  const bot = new Wechat()
  // Without this, the bot's heartbeat sends messages to the file helper.
  bot.setPollingTargetGetter(() => '')
  bot.on('error', fail)
  bot.on('uuid', uuid => control('scan', { uuid, uin }).catch(fail))
  const avatar = new Promise(resolve => bot.once('user-avatar', resolve))
  const login = new Promise(resolve => bot.once('login', resolve))
  const messages = []
  bot.on('message', message => messages.push(message))
  bot.start()
  same('the avatar is a picture', (await avatar).slice(0, 22), 'data:img/jpg;base64,iV')
  await control('confirm', { uuid: bot.PROP.uuid })
  await login
  checked.push('logged in as a desktop by QR code')

  const contactByName = name => Object.values(bot.contacts).filter(contact => contact.OriginalNickName === name)[0]
  const people = test => Object.values(bot.contacts).filter(test)
  const isGroup = contact => contact.UserName.startsWith('@@')
  await when(bot, ['contacts-updated'], () => contactByName('Friend 10'))
  same('friends', people(c => c.UserName.startsWith('@') && !isGroup(c) && !c.isSelf && c.VerifyFlag === 0).length, 11)
  same('groups', people(isGroup).map(c => c.OriginalNickName).sort(), ['Group 1', 'Group 2', '家 &amp; 友'])
  same('official accounts', people(c => c.VerifyFlag === 8).map(c => c.NickName), ['Official 1'])
  const lei = people(c => c.RemarkName === '老李')[0]
  same('a friend', [lei.OriginalNickName, lei.City], ['李雷 &lt;3', '深圳'])
  checked.push('11 friends, 3 groups with members, 1 official account')

  await when(bot, ['message'], () => messages.some(message => message.MsgType === 51))
  await control(`accounts/${uin}?wait=polling`)
  await control('push', [
    { uin, from: { friend: '老李' }, text: '你好 <b>\n第二行 😄' },
    { uin, from: { group: { group: '家 & 友', member: '三叔' } }, text: '吃饭' },
    { uin, from: { phone: { to: '老李' } }, text: 'from the phone' }
  ])
  const texts = () => messages.filter(message => message.MsgType === bot.CONF.MSGTYPE_TEXT)
  await when(bot, ['message'], () => texts().length === 3)
  const [friend, phone, group] = ['你好', 'from', '吃饭'].map(part => texts().find(m => m.Content.includes(part)))
  same('text of a friend', [friend.Content, friend.FromUserName], ['你好 <b>\n第二行 😄', lei.UserName])
  same('text of the phone', [phone.Content, phone.isSendBySelf, phone.ToUserName], ['from the phone', true, lei.UserName])
  const uncle = (await control(`contacts?uin=${uin}&name=stranger/2/2`)).user_name
  same('text in a group', group.OriginalContent, `${uncle}:<br/>吃饭`)
  same('the group', bot.contacts[group.FromUserName].OriginalNickName, '家 &amp; 友')
  checked.push('received 3 texts')

  const response = await bot.sendMsg('收到 <3 & 😂', lei.UserName)
  await bot.sendMsg('群里好', group.FromUserName)
  await bot.revokeMsg(response.MsgID, lei.UserName)
  const { sent } = await control(`sent?uin=${uin}&at_least=2`)
  same('sent', sent.map(s => [s.to_name, s.text, s.revoked]), [['李雷 <3', '收到 <3 & 😂', true], ['家 & 友', '群里好', false]])
  checked.push('sent 2, revoked 1')

  await control('push', [
    { uin, from: { friend: '老李' }, kind: { picture: { width: 16, height: 16 } } },
    { uin, from: { friend: '老李' }, kind: { video: { seconds: 2 } } },
    { uin, from: { friend: '老李' }, kind: { file: { name: 'a.txt' } }, media: Buffer.from('inside').toString('base64') },
    { uin, from: { special: 'fmessage' }, kind: { friend_request: { person: { nick_name: '王五' }, words: '你好' } } }
  ])
  const ofType = type => messages.find(message => message.MsgType === type)
  await when(bot, ['message'], () => [3, 43, 49, 37].every(ofType))
  same('a picture', (await bot.getMsgImg(ofType(3).MsgId)).data.subarray(1, 4).toString(), 'PNG')
  same('a video', (await bot.getVideo(ofType(43).MsgId)).type, 'video/mp4')
  const file = ofType(49)
  same('a file', (await bot.getDoc(file.FromUserName, file.MediaId, file.FileName)).data.toString(), 'inside')
  same('an avatar', (await bot.getHeadImg(lei.HeadImgUrl)).type, 'image/png')
  const stranger = ofType(37).RecommendInfo
  await bot.verifyUser(stranger.UserName, stranger.Ticket)
  await when(bot, ['contacts-updated'], () => contactByName('王五'))
  checked.push('fetched a picture, a video, a file and an avatar, accepted a friend request')

  await bot.sendMsg({ file: Buffer.alloc(100, 7), filename: 'photo.png' }, lei.UserName)
  await bot.sendMsg({ file: Buffer.alloc(600000, 7), filename: 'large.bin' }, lei.UserName)
  const media = (await control(`sent?uin=${uin}&at_least=4`)).sent.slice(2)
  same('media sent', media.map(s => s.kind), ['image', 'app'])
  const large = await (await fetch(`${origin}/_sim/uploads/${media[1].media_id}`)).arrayBuffer()
  same('the file arrived', large.byteLength, 600000)
  await bot.createChatroom('新群', [{ UserName: lei.UserName }, { UserName: stranger.UserName }])
  await bot.updateRemarkName(lei.UserName, '李大哥')
  checked.push('sent a picture and a file of 2 chunks, made a group, set a remark')

  const offline = control(`accounts/${uin}?wait=offline`)
  bot.stop()
  await offline
  checked.push('logged out')

  const { violations } = await control('violations?tolerated=false')
  same('violations', violations, [])
  const tolerated = (await control('violations?tolerated=true')).violations.map(violation => violation.rule)
  console.log(`wechat4u: ${checked.join(', ')} … ok`)
  if (tolerated.length) console.log(`wechat4u: tolerated: ${[...new Set(tolerated)].sort().join(', ')}`)
  process.exit(0)
}

main().catch(fail)
