#!/usr/bin/python3
"""Whether each line of standard input is a JSON object that the schema in argv[1] allows, and says all of."""

import json
import sys

from jsonschema import Draft202012Validator

with open(sys.argv[1], encoding="utf-8") as file:
    schema = json.load(file)
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema)
lines = sys.stdin.read().splitlines()
for line in lines:
    value = json.loads(line)
    validator.validate(value)
    named = schema["properties"].keys()
    # Those of alternatives stand in each of them.
    if not value.keys() <= named and "oneOf" not in schema:
        sys.exit(f"not in the schema: {value.keys() - named}")
print(len(lines))
