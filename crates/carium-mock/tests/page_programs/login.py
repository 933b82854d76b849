# Corrections to the program on the page:
# - The indentation, which the page does not show.
import requests

def login(username: str, password: str, mfa_token: str=None) -> str:

    url = 'https://api.carium.com/identity/v1/login/'
    headers = {
        'Content-Type': 'application/json',
        'Accept': 'application/vnd.api+json'
    }
    data = {
        'username': username,
        'password': password
    }

    if mfa_token:
        data['totp-code'] = mfa_token

    response = requests.post(url, headers=headers, json=data)
    response.raise_for_status()
    return response.json()['access-token']

if __name__ == '__main__':
    access_token = login('username', 'password')
    headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/vnd.api+json"}
