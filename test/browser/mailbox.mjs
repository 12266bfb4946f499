// A mail server of the test's own: takes whatever is handed over on this machine and keeps it.
import { createServer } from 'node:net';

const patience = 30_000; // milliseconds until a mail that is due has come, on a loaded machine

/** Lines of a mail's plain part as they were written: quoted-printable undone. */
function plainPart(raw) {
  const boundary = /boundary="?([^"\r\n;]+)/.exec(raw)?.[1];
  const part = raw.split(`--${boundary}`).find((one) => /content-type: text\/plain/i.test(one)) ?? '';
  const body = part.slice(part.indexOf('\r\n\r\n') + 4).replace(/=\r\n/g, '');
  const bytes = body.replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8').replace(/\r\n/g, '\n');
}

/**
 * Starts it. environment is for the node. next(address) gives the oldest mail to an address that was not given yet, once it is there:
 * its subject, its text, and the link in it.
 */
export async function startMailbox(t) {
  const mails = [];
  const server = createServer((socket) => {
    let pending = '';
    let to = '';
    let data = null;
    const say = (line) => socket.write(line + '\r\n');
    const hear = (line) => {
      if (data !== null) {
        if (line !== '.') return void (data += line.replace(/^\./, '') + '\r\n');
        mails.push({ to, subject: /^Subject: (.*)\r$/m.exec(data)?.[1] ?? '', text: plainPart(data) });
        data = null;
        return say('250 taken');
      }
      const verb = line.slice(0, 4).toUpperCase();
      if (verb === 'RCPT') to = /<([^>]*)>/.exec(line)?.[1] ?? '';
      if (verb === 'DATA') {
        data = '';
        return say('354 go on');
      }
      say(verb === 'QUIT' ? '221 bye' : verb === 'EHLO' ? '250 mail.test' : '250 good');
    };
    socket.setEncoding('latin1');
    socket.on('error', () => {}); // the service may go while it talks
    socket.on('data', (text) => {
      pending += text;
      for (let end = pending.indexOf('\r\n'); end >= 0; end = pending.indexOf('\r\n')) {
        const line = pending.slice(0, end);
        pending = pending.slice(end + 2);
        hear(line);
      }
    });
    say('220 mail.test');
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => new Promise((done) => server.close(done)));
  const environment = {
    FOLIOSCOPE_SMTP_HOST: '127.0.0.1',
    FOLIOSCOPE_SMTP_PORT: String(server.address().port),
    FOLIOSCOPE_SMTP_TLS: 'none',
    FOLIOSCOPE_SMTP_FROM: 'Folioscope <folio@example.org>',
  };
  const next = async (address) => {
    for (const ends = Date.now() + patience; Date.now() < ends; await new Promise((done) => setTimeout(done, 50))) {
      const at = mails.findIndex((mail) => mail.to === address);
      if (at < 0) continue;
      const [mail] = mails.splice(at, 1);
      return { ...mail, link: /^https?:\/\/\S+$/m.exec(mail.text)?.[0] ?? '' };
    }
    throw new Error(`no mail to ${address} in ${patience} ms; there are ${JSON.stringify(mails)}`);
  };
  return { environment, next };
}
