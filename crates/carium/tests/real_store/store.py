"""Runs a SeaweedFS object store on a local port and signs forms and URLs for it with botocore.

Prints {"port": N} when the store accepts files. Then it reads requests from stdin, one per line, and responds to each
with one line:

    {"form": {"key": K, "expires": SECONDS, "forged": BOOL, "media_type": T, "max_bytes": N}}  returns url and fields
    {"url": {"key": K, "expires": SECONDS, "forged": BOOL, "file_name": N}}                    returns url

"forged" signs with a wrong secret. The script exits when its stdin is closed, which also happens if the parent process
dies, and removes all its files.
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

# Ignores AWS settings of this machine, which are for other stores.
for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]
os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

BUCKET = "documents"
ACCESS_KEY = "test"
SECRET = secrets.token_hex(20)
START_ATTEMPTS = 3
START_TIMEOUT = 20
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
    # All sockets are open at the same time, so that the ports are distinct.
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@contextlib.contextmanager
def seaweedfs():
    """Starts a store. Yields its process, its S3 port and the path of its log."""
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
            # Enabled by default.
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
            # Other services, which would listen on fixed ports.
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
        }
        program = os.path.join(os.path.dirname(sys.executable), "weed")
        libc = ctypes.CDLL(None)
        with open(log, "wb") as output:
            process = subprocess.Popen(
                [program, "-logtostderr=true", "server", *(f"-{name}={value}" for name, value in options.items())],
                cwd=folder,
                # SeaweedFS reads settings from environment variables and from the home directory.
                env={},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # The kernel kills the store when this process dies, even by SIGKILL.
                preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL),
            )
        try:
            yield process, s3, log
        finally:
            # An orderly shutdown takes half a minute, and no data has to be kept.
            process.kill()
            process.wait()
            # SeaweedFS creates these sockets in /tmp, whatever directory is configured.
            for port in ports:
                for path in glob.glob(f"/tmp/seaweedfs-*-{port}.sock"):
                    os.unlink(path)


def wait_until_ready(process, s3):
    """Waits until a file can be stored: the store listens before it has a volume for files."""
    end = time.monotonic() + START_TIMEOUT
    while process.poll() is None and time.monotonic() < end:
        try:
            if not s3.list_buckets()["Buckets"]:
                s3.create_bucket(Bucket=BUCKET)
            s3.put_object(Bucket=BUCKET, Key="first", Body=b"first")
            return True
        except (BotoCoreError, ClientError):
            time.sleep(0.1)
    return False


def form(s3, options):
    fields = {"Content-Type": options["media_type"]}
    conditions = [fields, ["content-length-range", 0, options["max_bytes"]]]
    return s3.generate_presigned_post(BUCKET, options["key"], fields, conditions, options["expires"])


def url(s3, options):
    name = quote(options["file_name"], safe="")
    parameters = {
        "Bucket": BUCKET,
        "Key": options["key"],
        "ResponseContentDisposition": f"attachment; filename*=UTF-8''{name}",
    }
    return {"url": s3.generate_presigned_url("get_object", parameters, options["expires"])}


def serve_requests(port, s3):
    forger = client(port, "wrong")
    print(json.dumps({"port": port}), flush=True)
    for line in sys.stdin:
        [(operation, options)] = json.loads(line).items()
        signer = forger if options["forged"] else s3
        print(json.dumps({"form": form, "url": url}[operation](signer, options)), flush=True)


def main():
    # These signals are also sent to the parent process. Its exit closes stdin, which ends this script.
    for each in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    log_end = ""
    # Another process may bind a port between its selection and its use.
    for _ in range(START_ATTEMPTS):
        with seaweedfs() as (process, port, log):
            s3 = client(port, SECRET)
            if wait_until_ready(process, s3):
                return serve_requests(port, s3)
            with open(log, errors="replace") as file:
                log_end = file.read()[-2000:]
    sys.exit(f"the store did not start: {log_end}")


main()
