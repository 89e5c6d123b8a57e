"""Prove an exported audit trail: python verify_audit.py FILE [NUMBER HASH] (see audit.md)."""

import hashlib
import json
import sys

ERASABLE = {"actor": ("actor_name", "actor_address"), "subject": ("subject_name", "reason")}
NOT_HASHED = {"hash", *(f"{group}_salt" for group in ERASABLE), *sum(ERASABLE.values(), ())}


def sha256(value):
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def main(file, number="0", anchor=None):
    wrong, last, hashes = [], 0, {0: None}
    for entry in map(json.loads, open(file, encoding="utf-8")):
        sequence, groups = entry["sequence"], ERASABLE.items()
        if sequence != last + 1 or entry["previous_hash"] != hashes[last]:
            wrong.append(f"{sequence} does not follow {last}")
        if sha256({name: entry[name] for name in entry if name not in NOT_HASHED}) != entry["hash"]:
            wrong.append(f"{sequence} was changed")
        for group, words in groups:
            salt, values = entry[f"{group}_salt"], [entry[word] for word in words]
            if any(values) if salt is None else sha256([salt, *values]) != entry[f"{group}_digest"]:
                wrong.append(f"{sequence} was changed: {' or '.join(words)}")
        last, hashes[sequence] = sequence, entry["hash"]
    if hashes.get(int(number)) != anchor:
        wrong.append(f"{number} is missing, or is not what it was when its hash was noted")
    print("\n".join(wrong) or f"The chain holds: {last} entries, the last hash is {hashes[last]}")
    sys.exit(1 if wrong else 0)


main(*sys.argv[1:])
