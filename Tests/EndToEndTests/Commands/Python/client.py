"""Drives the API with the official Python client: python3 client.py NAMESPACE, with KUBECONFIG set.

Prints a line for each thing that was tried; the first one that does not hold ends it with a code other than 0.
"""

import base64
import json
import sys
import threading

from kubernetes import client, config, dynamic, watch
from kubernetes.client.exceptions import ApiException

config.load_kube_config()
namespace = sys.argv[1]
core, apps = client.CoreV1Api(), client.AppsV1Api()


def check(what, holds, said=""):
    if not holds:
        sys.exit(f"not so: {what}: {said}")
    print(what)


def refused(call, code, reason):
    """The Status that a call was refused with."""
    try:
        call()
    except ApiException as error:
        status = json.loads(error.body)
        check(f"refused with {code} {reason}", error.status == code and status["reason"] == reason, error)
        return status
    sys.exit(f"not refused with {code} {reason}")


def config_map(name, data, **metadata):
    return client.V1ConfigMap(metadata=client.V1ObjectMeta(name=name, **metadata), data=data)


# Objects.
version = client.VersionApi().get_code()
check("the version is Kubernetes'", version.major == "1" and int(version.minor) >= 36, version)
core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=namespace)))
created = core.create_namespaced_config_map(namespace, config_map("one", {"a": "1"}, labels={"set": "python"}))
check("a ConfigMap is created", created.metadata.uid and created.data == {"a": "1"}, created)
refused(lambda: core.create_namespaced_config_map(namespace, config_map("one", {})), 409, "AlreadyExists")
refused(lambda: core.read_namespaced_config_map("none", namespace), 404, "NotFound")
status = refused(lambda: core.create_namespaced_config_map(namespace, config_map("Bad_Name", {})), 422, "Invalid")
check("the field at fault is named", status["details"]["causes"][0]["field"] == "metadata.name", status)
secret = core.create_namespaced_secret(
    namespace, client.V1Secret(metadata=client.V1ObjectMeta(generate_name="made-"), string_data={"p": "w"}))
check("a name is completed", secret.metadata.name.startswith("made-"), secret)
check("stringData becomes data", base64.b64decode(secret.data["p"]) == b"w", secret)
dry = core.create_namespaced_config_map(namespace, config_map("dry", {}), dry_run="All")
check("a dry run answers with the object", dry.metadata.uid, dry)
refused(lambda: core.read_namespaced_config_map("dry", namespace), 404, "NotFound")

# Replacing, with optimistic concurrency.
created.data["a"] = "2"
replaced = core.replace_namespaced_config_map("one", namespace, created)
check("a replaced object has a new version", replaced.metadata.resource_version != created.metadata.resource_version)
refused(lambda: core.replace_namespaced_config_map("one", namespace, created), 409, "Conflict")

# Lists in parts.
for number in range(5):
    core.create_namespaced_config_map(namespace, config_map(f"part-{number}", {}, labels={"list": "parts"}))
names, token = [], None
while token != "":
    part = core.list_namespaced_config_map(namespace, label_selector="list=parts", limit=2, _continue=token)
    names += [item.metadata.name for item in part.items]
    token = part.metadata._continue or ""
check("a list comes in parts", names == [f"part-{number}" for number in range(5)], names)
found = core.list_namespaced_config_map(namespace, field_selector="metadata.name=part-3").items
check("a field selects", [item.metadata.name for item in found] == ["part-3"], found)

# A watch, and another one from where the first has ended.
seen = []


def follow(version):
    """Watches until `stop` is added; answers the last version that was seen."""
    watcher = watch.Watch()
    for event in watcher.stream(
            core.list_namespaced_config_map, namespace, label_selector="set=watch", resource_version=version,
            timeout_seconds=20):
        seen.append((event["type"], event["object"].metadata.name))
        version = event["object"].metadata.resource_version
        if event["object"].metadata.name.startswith("stop"):
            watcher.stop()
    return version


start = core.list_namespaced_config_map(namespace).metadata.resource_version
writer = threading.Thread(target=lambda: [
    core.create_namespaced_config_map(namespace, config_map("seen", {}, labels={"set": "watch"})),
    core.patch_namespaced_config_map("seen", namespace, {"data": {"x": "y"}}),
    core.delete_namespaced_config_map("seen", namespace),
    core.create_namespaced_config_map(namespace, config_map("stop-1", {}, labels={"set": "watch"}))])
writer.start()
version = follow(start)
writer.join()
check("a watch sees what happens", seen == [
    ("ADDED", "seen"), ("MODIFIED", "seen"), ("DELETED", "seen"), ("ADDED", "stop-1")], seen)
# What happens while nobody watches is not lost.
core.create_namespaced_config_map(namespace, config_map("between", {}, labels={"set": "watch"}))
core.create_namespaced_config_map(namespace, config_map("stop-2", {}, labels={"set": "watch"}))
seen.clear()
follow(version)
check("a watch goes on from a version", seen == [("ADDED", "between"), ("ADDED", "stop-2")], seen)
seen.clear()
follow(start)
check("and once more from an older one", [name for _, name in seen][:4] == ["seen", "seen", "seen", "stop-1"], seen)
ended = list(watch.Watch().stream(core.list_namespaced_config_map, namespace, label_selector="set=none",
                                  resource_version=version, timeout_seconds=1))
check("a watch without events ends in time", ended == [], ended)
marks = [event["raw_object"]["metadata"]["annotations"] for event in watch.Watch().stream(
    core.list_namespaced_config_map, namespace, label_selector="set=watch", allow_watch_bookmarks=True,
    send_initial_events=True, resource_version_match="NotOlderThan", timeout_seconds=1)
    if event["type"] == "BOOKMARK"]
check("a bookmark ends the initial events", marks and marks[0] == {"k8s.io/initial-events-end": "true"}, marks)

# Every type of patch.
deployment = {
    "metadata": {"name": "web"},
    "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "web"}}, "template": {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "web", "image": "myapp:1.4.2", "env": [{"name": "A", "value": "1"}]}]}}}}
apps.create_namespaced_deployment(namespace, deployment)


def container_patch(*containers):
    return {"spec": {"template": {"spec": {"containers": list(containers)}}}}


strategic = apps.patch_namespaced_deployment(
    "web", namespace, container_patch({"name": "web", "env": [{"name": "B", "value": "2"}]}),
    _content_type="application/strategic-merge-patch+json")
environment = [entry.name for entry in strategic.spec.template.spec.containers[0].env]
check("a strategic merge patch merges lists by their keys", sorted(environment) == ["A", "B"], environment)
merged = apps.patch_namespaced_deployment(
    "web", namespace, container_patch({"name": "other", "image": "busybox"}),
    _content_type="application/merge-patch+json")
containers = [container.name for container in merged.spec.template.spec.containers]
check("a merge patch replaces lists", containers == ["other"], containers)
patched = apps.patch_namespaced_deployment(
    "web", namespace, [{"op": "test", "path": "/spec/replicas", "value": 0},
                       {"op": "add", "path": "/metadata/labels", "value": {"from": "json"}}],
    _content_type="application/json-patch+json")
check("a JSON patch adds", patched.metadata.labels == {"from": "json"}, patched.metadata)
refused(lambda: apps.patch_namespaced_deployment(
    "web", namespace, [{"op": "test", "path": "/spec/replicas", "value": 7}],
    _content_type="application/json-patch+json"), 422, "Invalid")
scale = apps.patch_namespaced_deployment_scale("web", namespace, {"spec": {"replicas": 1}})
check("a subresource is patched", scale.spec.replicas == 1, scale)

# Without the generated types.
resource = dynamic.DynamicClient(client.ApiClient()).resources.get(api_version="v1", kind="ConfigMap")


def apply(value, manager, force=False):
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "applied"}, "data": {"k": value}}
    return resource.server_side_apply(
        body=body, namespace=namespace, field_manager=manager, force_conflicts=force)


applied = apply("v", "python")
check("server-side apply creates", applied.data.k == "v", applied)
check("and says who owns what", [entry.manager for entry in applied.metadata.managedFields] == ["python"], applied)
status = refused(lambda: apply("w", "other"), 409, "Conflict")
check("a conflict names the manager", "python" in status["message"], status)
applied = apply("w", "other", force=True)
check("who insists becomes the owner", [entry.manager for entry in applied.metadata.managedFields] == ["other"], applied)

# The end.
core.delete_collection_namespaced_config_map(namespace, label_selector="list=parts")
left = core.list_namespaced_config_map(namespace, label_selector="list=parts").items
check("a collection is deleted", left == [], left)
core.delete_namespace(namespace)
print("done")
