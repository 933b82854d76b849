// Sends the requests of the vendor's Examples page to a server and expects a successful response to each.
//   node send_requests.mjs PORT REQUESTS.json
import { readFileSync } from 'node:fs';
import { request } from 'node:http';

const [port, path] = process.argv.slice(2);

function send(call, body) {
  const query = new URLSearchParams(call.query).toString();
  const headers = { ...call.headers };
  delete headers['content-length'];
  // These operations return no body. The mock server rejects an `accept` header for which it has no media type.
  if (['resend_invitation', 'delete_appointment', 'process_upload'].includes(call.operation)) delete headers.accept;
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { host: '127.0.0.1', port, method: call.method, path: call.path + (query && `?${query}`), headers },
      (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode));
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

async function waitUntilReady() {
  for (let attempt = 0; attempt < 120; attempt += 1) {
    try {
      return await send({ method: 'GET', path: '/', query: [], headers: {} });
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
  throw new Error('the server did not start in time');
}

await waitUntilReady();
let failed = 0;
const calls = JSON.parse(readFileSync(path, 'utf8'));
for (const call of calls) {
  const status = await send(call, call.body === null ? undefined : JSON.stringify(call.body));
  if (status < 200 || status > 299) {
    failed += 1;
    console.log(`${call.operation}: ${status}`);
  }
}
console.log(`${calls.length - failed} of ${calls.length} requests succeeded`);
process.exit(failed === 0 ? 0 : 1);
