# Corrections to the program on the page:
# - The indentation, which the page does not show.
# - "login code here" is replaced by an import of `login.py`.
import requests

from login import login

invitation_url = 'https://api.carium.com/identity/v1/resend-invitation/'
invitation_data = {
    "data": {
        "attributes": {
            "username": "example@example.com",
            "notifications": ["email"]
        }
    }
}

def send_invitation(payload: dict) -> None:
    response = requests.post(invitation_url, headers=headers, json=invitation_data)
    response.raise_for_status()

if __name__ == '__main__':
    access_token = login('username', 'password')
    headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/vnd.api+json"}
    send_invitation(invitation_data)
