"""Reads a notice from standard input with Python's own parser, and writes what it says as JSON.

An error where it is no multipart/report of three parts, or the parser finds a defect.
"""

import email
import email.policy
import json
import sys

notice = email.message_from_binary_file(sys.stdin.buffer, policy=email.policy.default)
for part in notice.walk():
    assert not part.defects, part.defects
assert notice.get_content_type() == "multipart/report", notice.get_content_type()
people, programs, returned = notice.iter_parts()
assert programs.get_content_subtype() == notice.get_param("report-type"), programs.get_content_type()
# The parser makes a message of each block of fields.
message, *recipients = ({name.lower(): value for name, value in block.items()} for block in programs.get_payload())
json.dump(
    {
        "from": notice["From"].addresses[0].addr_spec,
        "text": people.get_content(),
        "message": message,
        "recipients": recipients,
        "returned": returned.get_content_type(),
    },
    sys.stdout,
)
