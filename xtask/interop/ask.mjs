// Sends the requests of the vendor's Examples page to a server and expects each to be answered with success.
//   node ask.mjs PORT REQUESTS.json
import { readFileSync } from 'node:fs';
import { request } from 'node:http';

const [port, path] = process.argv.slice(2);

function send(call, body) {
  const query = new URLSearchParams(call.query).toString();
  const headers = { ...call.headers };
  delete headers['content-length'];
  // Whoever expects no body names no type for it; a mock server may not find one.
  if (['resend_invitation', 'delete_appointment', 'process_upload'].includes(call.operation)) delete headers.accept;
  return new Promise((resolve, reject) => {
    const asked = request(
      { host: '127.0.0.1', port, method: call.method, path: call.path + (query && `?${query}`), headers },
      (answer) => {
        answer.resume();
        answer.on('end', () => resolve(answer.statusCode));
      },
    );
    asked.on('error', reject);
    asked.end(body);
  });
}

async function untilReady() {
  for (let tries = 0; tries < 120; tries += 1) {
    try {
      return await send({ method: 'GET', path: '/', query: [], headers: {} });
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
  throw new Error('the server does not listen');
}

await untilReady();
let failed = 0;
const calls = JSON.parse(readFileSync(path, 'utf8'));
for (const call of calls) {
  const status = await send(call, call.body === null ? undefined : JSON.stringify(call.body));
  if (status < 200 || status > 299) {
    failed += 1;
    console.log(`${call.operation}: ${status}`);
  }
}
console.log(`${calls.length - failed} of ${calls.length} answered with success`);
process.exit(failed === 0 ? 0 : 1);
