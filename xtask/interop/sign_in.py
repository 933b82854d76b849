# Signs in for schemathesis, as the account of the vendor's Examples page. CARIUM_URL says where.
import os

import requests
import schemathesis


@schemathesis.auth()
class AccessToken:
    def get(self, case, context):
        account = {"username": "username", "password": "password"}
        answer = requests.post(os.environ["CARIUM_URL"] + "/identity/v1/login/", json=account)
        answer.raise_for_status()
        return answer.json()["access-token"]

    def set(self, case, data, context):
        case.headers["Authorization"] = f"Bearer {data}"
