# Signs in for schemathesis with the account of the vendor's Examples page. CARIUM_URL is the address of the server.
import os

import requests
import schemathesis


@schemathesis.auth()
class AccessToken:
    def get(self, case, context):
        account = {"username": "username", "password": "password"}
        response = requests.post(os.environ["CARIUM_URL"] + "/identity/v1/login/", json=account)
        response.raise_for_status()
        return response.json()["access-token"]

    def set(self, case, data, context):
        case.headers["Authorization"] = f"Bearer {data}"
