'use strict';
// Measures node-smpp: its client with its server, each in a process of its own,
// submit_sm of 156 octets with a Buffer as short_message, which spares it the
// handling of text. Usage: node bench.js PACKAGE WINDOW MESSAGES

const { fork } = require('child_process');

const [name, window, messages] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const smpp = require(name);

function serve() {
	const server = smpp.createServer((session) => {
		session.on('bind_transceiver', (pdu) => session.send(pdu.response()));
		session.on('submit_sm', (pdu) => session.send(pdu.response({ message_id: '0123456789abcdef' })));
		session.on('unbind', (pdu) => {
			session.send(pdu.response());
			session.close();
		});
		session.on('error', () => {});
	});
	server.listen(0, '127.0.0.1', () => process.send(server.address().port));
	process.on('disconnect', () => process.exit(0));
}

function send(port, done) {
	const session = smpp.connect({ url: `smpp://127.0.0.1:${port}` }, () => {
		session.bind_transceiver({ system_id: 'bench', password: 'bench' }, () => {
			const text = Buffer.alloc(104, '0123456789');
			const begin = process.hrtime.bigint();
			let sent = 0;
			let answered = 0;
			const one = () => {
				sent++;
				session.submit_sm({
					source_addr_ton: 5, source_addr: 'Example', dest_addr_ton: 1, dest_addr_npi: 1, destination_addr: '447700900123',
					data_coding: 0, short_message: text,
				}, (pdu) => {
					if (pdu.command_status !== 0) {
						throw new Error(`command_status ${pdu.command_status}`);
					}
					if (++answered === messages) {
						const seconds = Number(process.hrtime.bigint() - begin) / 1e9;
						console.log(JSON.stringify({ messages, seconds, per_second: messages / seconds }));
						session.close();
						done();
					} else if (sent < messages) {
						one();
					}
				});
			};
			for (let i = 0; i < window; i++) {
				one();
			}
		});
	});
}

if (process.send) {
	serve();
} else {
	const server = fork(__filename, process.argv.slice(2));
	server.on('message', (port) => send(port, () => server.disconnect()));
}
