"""A SeaweedFS store on a local port, and someone who signs for it with botocore.

Prints {"port": N} when the store takes files. Then each line that comes in is a question, answered by one line:

    {"form": {"key": K, "expires": SECONDS, "forged": BOOL, "media_type": T, "most": BYTES}}  gives url and fields
    {"url": {"key": K, "expires": SECONDS, "forged": BOOL, "file_name": N}}                   gives url

Forged is what was signed with a secret that the store does not know. Ends when its input does, and leaves
nothing behind: the input ends however the other side does.
"""

import contextlib
import ctypes
import glob
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from urllib.parse import quote

# What someone has set up for AWS on this machine is for other stores.
for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]
os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

BUCKET = "documents"
ACCESS_KEY = "test"
SECRET = secrets.token_hex(20)
TRIES = 3
SECONDS_TO_START = 20
PR_SET_PDEATHSIG = 1


def client(port, secret):
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path"},
        proxies={},
        connect_timeout=5,
        read_timeout=5,
        retries={"total_max_attempts": 1},
    )
    return botocore.session.get_session().create_client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=secret,
        config=config,
    )


def free_ports(count):
    # All are open at once, so that no two are the same.
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@contextlib.contextmanager
def seaweedfs():
    """The process of a store, the port that it is to listen on, and its log."""
    ports = free_ports(8)
    s3, s3_grpc, master, master_grpc, volume, volume_grpc, filer, filer_grpc = ports
    with tempfile.TemporaryDirectory(prefix="carium-real-store-", ignore_cleanup_errors=True) as folder:
        identity = {
            "name": "test",
            "actions": ["Admin", "Read", "Write", "List"],
            "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET}],
        }
        identities, log = os.path.join(folder, "s3.json"), os.path.join(folder, "log")
        with open(identities, "w") as file:
            json.dump({"identities": [identity]}, file)
        options = {
            "dir": folder,
            "ip": "127.0.0.1",
            "ip.bind": "127.0.0.1",
            # On unless it is told otherwise.
            "master.telemetry": "false",
            "master.port": master,
            "master.port.grpc": master_grpc,
            "master.volumeSizeLimitMB": 64,
            "volume.port": volume,
            "volume.port.grpc": volume_grpc,
            "volume.max": 50,
            "volume.minFreeSpace": "64MiB",
            "filer": "true",
            "filer.port": filer,
            "filer.port.grpc": filer_grpc,
            "filer.localSocket": os.path.join(folder, "filer.sock"),
            "s3": "true",
            "s3.port": s3,
            "s3.port.grpc": s3_grpc,
            "s3.localSocket": os.path.join(folder, "s3.sock"),
            "s3.config": identities,
            "s3.iam": "false",
            # Further services, each on a port that is the same for everyone.
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
        }
        program = os.path.join(os.path.dirname(sys.executable), "weed")
        libc = ctypes.CDLL(None)
        with open(log, "wb") as output:
            process = subprocess.Popen(
                [program, "-logtostderr=true", "server", *(f"-{name}={value}" for name, value in options.items())],
                cwd=folder,
                # It takes settings from variables and from the home folder.
                env={},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # Killed with this process, also where that is killed itself.
                preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL),
            )
        try:
            yield process, s3, log
        finally:
            # An orderly end takes half a minute, and nothing of it is kept.
            process.kill()
            process.wait()
            # It has sockets there, wherever else it is told to work.
            for port in ports:
                for path in glob.glob(f"/tmp/seaweedfs-*-{port}.sock"):
                    os.unlink(path)


def takes_files(process, s3):
    """Waits until a file has been stored: a store that listens already may not have the room yet."""
    end = time.monotonic() + SECONDS_TO_START
    while process.poll() is None and time.monotonic() < end:
        try:
            if not s3.list_buckets()["Buckets"]:
                s3.create_bucket(Bucket=BUCKET)
            s3.put_object(Bucket=BUCKET, Key="first", Body=b"first")
            return True
        except (BotoCoreError, ClientError):
            time.sleep(0.1)
    return False


def form(s3, asked):
    fields = {"Content-Type": asked["media_type"]}
    conditions = [fields, ["content-length-range", 0, asked["most"]]]
    return s3.generate_presigned_post(BUCKET, asked["key"], fields, conditions, asked["expires"])


def url(s3, asked):
    name = quote(asked["file_name"], safe="")
    parameters = {
        "Bucket": BUCKET,
        "Key": asked["key"],
        "ResponseContentDisposition": f"attachment; filename*=UTF-8''{name}",
    }
    return {"url": s3.generate_presigned_url("get_object", parameters, asked["expires"])}


def answer_questions(port, s3):
    forger = client(port, "wrong")
    print(json.dumps({"port": port}), flush=True)
    for line in sys.stdin:
        [(what, asked)] = json.loads(line).items()
        signer = forger if asked["forged"] else s3
        print(json.dumps({"form": form, "url": url}[what](signer, asked)), flush=True)


def main():
    # They go to the other side too, whose end is this one's.
    for each in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    said = ""
    # A port may be taken between the look and the use.
    for _ in range(TRIES):
        with seaweedfs() as (process, port, log):
            s3 = client(port, SECRET)
            if takes_files(process, s3):
                return answer_questions(port, s3)
            with open(log, errors="replace") as file:
                said = file.read()[-2000:]
    sys.exit(f"the store does not start: {said}")


main()
