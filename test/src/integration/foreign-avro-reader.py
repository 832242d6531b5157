"""Reads Avro segments with fastavro, a reader that Waybill did not write, and says as JSON what it found."""

import hashlib
import json
import sys

import fastavro


def summarize(path):
    documents = hashlib.sha256()
    keys = hashlib.sha256()
    updates = hashlib.sha256()
    found = {
        "records": 0,
        "documents": 0,
        "operations": {},
        "origins": {},
        "namespaces": set(),
        "sequences": 0,
        "seconds": set(),
        "increments": 0,
        "wallTimes": 0,
        "numbers": set(),
    }
    with open(path, "rb") as file:
        for record in fastavro.reader(file):
            found["records"] += 1
            found["sequences"] += record["sequence"]
            found["namespaces"].add(record["namespace"])
            found["seconds"].add(record["clusterTime"]["seconds"])
            found["increments"] += record["clusterTime"]["increment"]
            for counted, field in (("operations", "operation"), ("origins", "documentOrigin")):
                found[counted][record[field]] = found[counted].get(record[field], 0) + 1
            keys.update(record["documentKey"])
            if record["document"] is not None:
                found["documents"] += 1
                documents.update(record["document"])
            if record["update"] is not None:
                updates.update(record["update"])
            if record["wallTime"] is not None:
                found["wallTimes"] += round(record["wallTime"].timestamp() * 1000)
            if record["transaction"] is not None:
                found["numbers"].add(str(record["transaction"]["number"]))
    for name in ("namespaces", "seconds", "numbers"):
        found[name] = sorted(found[name])
    found["documentHash"] = documents.hexdigest()
    found["keyHash"] = keys.hexdigest()
    found["updateHash"] = updates.hexdigest()
    return found


json.dump([summarize(path) for path in sys.argv[1:]], sys.stdout)
