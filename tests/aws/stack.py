"""Deploys template.yaml through CloudFormation, as `sam deploy` does, to the endpoint in AWS_ENDPOINT_URL, and prints
the dispatcher's environment.

    stack.py TEMPLATE DISPATCHER_BINARY STACK_NAME

`prepare` changes the template before that, and gives a reason for each change.
"""

import io
import string
import sys
import time
import zipfile

import botocore.session
import yaml

template_file, binary, stack = sys.argv[1:]
session = botocore.session.get_session()
cloudformation = session.create_client("cloudformation")
s3 = session.create_client("s3")
lambda_ = session.create_client("lambda")
BUCKET = f"{stack}-code"


class Tagged(yaml.YAMLObject):
    """A tag such as `!Ref`, which is read and written unchanged."""

    def __init__(self, tag, node):
        self.tag, self.node = tag, node


yaml.SafeLoader.add_multi_constructor("!", lambda loader, suffix, node: Tagged("!" + suffix, node))
yaml.SafeDumper.add_representer(Tagged, lambda dumper, tagged: tagged.node)


def prepare(template):
    functions = {name: resource for name, resource in template["Resources"].items()
                 if resource["Type"] == "AWS::Serverless::Function"}
    for resource in functions.values():
        # As `sam package` does. Only the dispatcher is called here; CloudFormation requires code for the others too.
        resource["Properties"]["CodeUri"] = f"s3://{BUCKET}/dispatcher.zip"
    # On AWS the functions need no endpoint.
    template["Globals"]["Function"]["Environment"]["Variables"]["AWS_ENDPOINT_URL"] = s3.meta.endpoint_url
    # ministack ignores ExcludePunctuation and ExcludeUppercase (AWS::SecretsManager::Secret GenerateSecretString), so
    # every character that is not a hex digit is listed in ExcludeCharacters.
    secret = template["Resources"]["SealingKey"]["Properties"]["GenerateSecretString"]
    secret["ExcludeCharacters"] = "".join(set(string.ascii_letters + string.punctuation) - set(string.hexdigits.lower()))
    # The schedule would start it every minute, with the dispatcher's code.
    del functions["Sweep"]["Properties"]["Events"]
    return template


def package():
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as package:
        bootstrap = zipfile.ZipInfo("bootstrap")
        bootstrap.external_attr = 0o755 << 16
        bootstrap.compress_type = zipfile.ZIP_DEFLATED
        with open(binary, "rb") as program:
            package.writestr(bootstrap, program.read())
    return archive.getvalue()


def deploy(text):
    # The template is too long for the request, so it goes through a bucket, as with `sam deploy`.
    s3.put_object(Bucket=BUCKET, Key="template.yaml", Body=text.encode())
    parameters = {"Architecture": "x86_64", "CallbackAllow": "127.0.0.0/8"}
    cloudformation.create_stack(
        StackName=stack,
        TemplateURL=f"{s3.meta.endpoint_url}/{BUCKET}/template.yaml",
        Capabilities=["CAPABILITY_NAMED_IAM", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
    )
    deadline = time.monotonic() + 120
    while True:
        described = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
        if described["StackStatus"] == "CREATE_COMPLETE":
            return
        if not described["StackStatus"].endswith("_IN_PROGRESS") or time.monotonic() > deadline:
            events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
            for event in reversed(events):
                if event["ResourceStatus"].endswith("_FAILED"):
                    print(event["LogicalResourceId"], event.get("ResourceStatusReason"), file=sys.stderr)
            sys.exit(f"the stack is {described['StackStatus']}: {described.get('StackStatusReason')}")
        time.sleep(0.2)


with open(template_file, encoding="utf-8") as file:
    template = yaml.safe_load(file)
s3.create_bucket(Bucket=BUCKET)
s3.put_object(Bucket=BUCKET, Key="dispatcher.zip", Body=package())
deploy(yaml.safe_dump(prepare(template), sort_keys=False, allow_unicode=True))

types = {}
for resource in cloudformation.describe_stack_resources(StackName=stack)["StackResources"]:
    types[resource["ResourceType"]] = types.get(resource["ResourceType"], 0) + 1
print(f"deployed {sum(types.values())} resources of {len(types)} types", file=sys.stderr)
environment = lambda_.get_function_configuration(FunctionName=f"{stack}-dispatcher")["Environment"]["Variables"]
for name, value in environment.items():
    print(f"{name}={value}")
