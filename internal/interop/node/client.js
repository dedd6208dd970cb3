'use strict';

// An ESME of node-smpp: connects, sends what it is told to (binding is up to the test) and answers what it is asked.
// Usage: node client.js '{"package":"smpp-0.5.1","port":2775, ...}'

const {loadPackage, listen, usual, Peer, RINVBNDSTS} = require('./peer.js');

const options = JSON.parse(process.argv[2] || '{}');
const smpp = loadPackage(options);

function behaviour(pdu) {
	const answer = usual(pdu);
	if (answer !== undefined) {
		return answer;
	}
	switch (pdu.command) {
	case 'deliver_sm':
		return {};
	case 'data_sm':
		return {message_id: 'esme-' + pdu.sequence_number};
	}
	return smpp.commands[pdu.command].custom ? {} : {command_status: RINVBNDSTS};
}

const address = {host: options.host || '127.0.0.1', port: options.port};
if (options.tls) {
	Object.assign(address, {tls: true, ca: options.tls.ca, cert: options.tls.cert, key: options.tls.key,
		servername: options.tls.servername, rejectUnauthorized: !options.tls.insecure});
}
const session = smpp.connect(address, () => peer.report('connected'));
const peer = new Peer(smpp, session, 1, options, behaviour);
listen(options, (command) => peer.run(command));
