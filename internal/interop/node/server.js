'use strict';

// A message center of node-smpp: accepts any bind (or only the system_id and password of the options), answers every request as
// a message center would and keeps nothing but the ids it gave. Usage: node server.js '{"package":"smpp-0.5.1", ...}'

const {loadPackage, report, listen, usual, Peer, RINVBNDSTS} = require('./peer.js');

const options = JSON.parse(process.argv[2] || '{}');
const smpp = loadPackage(options);
const {ESME_ROK, ESME_RINVPASWD, ESME_RINVSYSID, ESME_RQUERYFAIL, ESME_RCANCELFAIL, ESME_RREPLACEFAIL, ESME_RINVDSTADR,
	ESME_RBCASTQUERYFAIL, ESME_RBCASTCANCELFAIL, ESME_RALYBND} = smpp.errors;
const {ENROUTE, DELETED} = smpp.consts.MESSAGE_STATE;

const messages = new Map(); // message id to state
let last = 0;

function accept() {
	const id = (options.message_id_prefix || 'n') + (++last);
	messages.set(id, ENROUTE);
	return id;
}

// known answers a request about an earlier message, or with the status when there is none.
function known(pdu, status, answer) {
	return messages.has(pdu.message_id) ? answer() : {command_status: status};
}

function bind(pdu, peer) {
	if (peer.bound) {
		return {command_status: ESME_RALYBND};
	}
	if (options.system_id !== undefined && pdu.system_id !== options.system_id) {
		return {command_status: ESME_RINVSYSID};
	}
	if (options.password !== undefined && pdu.password !== options.password) {
		return {command_status: ESME_RINVPASWD};
	}
	peer.bound = pdu.command;
	return {system_id: 'node-smpp', sc_interface_version: options.interface_version || 0x34};
}

function behaviour(pdu, peer) {
	switch (pdu.command) {
	case 'bind_transmitter':
	case 'bind_receiver':
	case 'bind_transceiver':
		return bind(pdu, peer);
	}
	const answer = usual(pdu);
	if (answer !== undefined) {
		return answer;
	}
	if (!peer.bound || peer.bound === 'bind_receiver') {
		return {command_status: RINVBNDSTS};
	}
	switch (pdu.command) {
	case 'submit_sm':
	case 'data_sm':
	case 'broadcast_sm':
		return {message_id: accept()};
	case 'submit_multi':
		return {
			message_id: accept(),
			unsuccess_sme: pdu.dest_address.filter((d) => (options.unreachable || []).includes(d.destination_addr))
				.map((d) => ({...d, error_status_code: ESME_RINVDSTADR})),
		};
	case 'query_sm':
		return known(pdu, ESME_RQUERYFAIL, () => ({message_id: pdu.message_id, message_state: messages.get(pdu.message_id)}));
	case 'cancel_sm':
		return known(pdu, ESME_RCANCELFAIL, () => {
			messages.set(pdu.message_id, DELETED);
			return {};
		});
	case 'replace_sm':
		return known(pdu, ESME_RREPLACEFAIL, () => ({}));
	case 'query_broadcast_sm':
		return known(pdu, ESME_RBCASTQUERYFAIL, () => ({
			message_id: pdu.message_id, message_state: messages.get(pdu.message_id),
			broadcast_area_identifier: [{format: 0, data: 'everywhere'}], broadcast_area_success: 100,
		}));
	case 'cancel_broadcast_sm':
		return known(pdu, ESME_RBCASTCANCELFAIL, () => {
			messages.set(pdu.message_id, DELETED);
			return {};
		});
	case 'deliver_sm':
		return {command_status: RINVBNDSTS};
	}
	return {command_status: ESME_ROK};
}

const peers = [];
const server = smpp.createServer(options.tls ? {key: options.tls.key, cert: options.tls.cert} : {}, (session) => {
	const peer = new Peer(smpp, session, peers.length + 1, options, behaviour);
	peers.push(peer);
	peer.report('session');
});
server.on('error', (e) => report({event: 'error', message: e.message, code: e.code}));
server.on('tlsClientError', (e) => report({event: 'error', message: e.message, code: e.code}));
server.listen(options.port || 0, options.host || '127.0.0.1', () => report({event: 'listening', port: server.address().port}));

// A command goes to the session it names, else to the latest.
listen(options, (command) => {
	const peer = peers[(command.session || peers.length) - 1];
	if (!peer) {
		throw new Error('no such session');
	}
	peer.run(command);
});
