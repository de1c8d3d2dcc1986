//! QR codes as pictures.

use qrcode::{Color, QrCode};

/// The edge of a module, in pixels.
const MODULE: usize = 8;
/// The white margin that the standard requires, in modules.
const QUIET_ZONE: usize = 4;

/// A black-and-white PNG of `content`; `None` if that is too long for a QR code (about 3 KB).
pub(super) fn png(content: &str) -> Option<Vec<u8>> {
    let code = QrCode::new(content).ok()?;
    let modules = code.width() + 2 * QUIET_ZONE;
    let side = modules * MODULE;
    let dark = |x: usize, y: usize| {
        let (x, y) = ((x / MODULE).checked_sub(QUIET_ZONE)?, (y / MODULE).checked_sub(QUIET_ZONE)?);
        (x < code.width() && y < code.width() && code[(x, y)] == Color::Dark).then_some(())
    };
    let pixels: Vec<u8> =
        (0..side * side).map(|pixel| if dark(pixel % side, pixel / side).is_some() { 0 } else { u8::MAX }).collect();
    let (mut picture, side) = (Vec::new(), u32::try_from(side).ok()?);
    let mut encoder = png::Encoder::new(&mut picture, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().ok()?.write_image_data(&pixels).ok()?;
    Some(picture)
}

/// [`png`] as a data URI.
pub(super) fn data_uri(content: &str) -> Option<String> {
    Some(format!("data:image/png;base64,{}", data_encoding::BASE64.encode(&png(content)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_shows_the_code_with_a_white_margin() {
        let picture = png("https://login.weixin.qq.com/l/gfNHoe0rPA==").unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(picture)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        let side = info.width as usize;
        assert_eq!((info.width, side % MODULE), (info.height, 0));
        assert!(pixels[..side * QUIET_ZONE * MODULE].iter().all(|pixel| *pixel == u8::MAX));
        let corner = QUIET_ZONE * MODULE;
        assert_eq!(pixels[side * corner + corner], 0, "the finder pattern begins after the margin");
        assert_eq!(png(&"x".repeat(4000)), None);
    }
}
