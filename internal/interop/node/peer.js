'use strict';

// What client.js and server.js share: the conversation with the test (JSON lines on stdin and stdout) and a session of node-smpp
// that answers like a well-behaved peer, sends what it is told to and reports all it sees. ../doc.go describes the
// commands and the events.

const readline = require('readline');

const OK = 0x00, RINVCMDID = 0x03, RINVBNDSTS = 0x04;

function report(event) {
	process.stdout.write(JSON.stringify(event) + '\n');
}

// loadPackage returns node-smpp in the version that the alias names, with the custom commands and TLVs of the options.
function loadPackage(options) {
	const smpp = require(options.package);
	if (options.max_length) {
		smpp.PDU.maxLength = options.max_length;
	}
	for (const [name, tlv] of Object.entries(options.tlvs || {})) {
		smpp.addTLV(name, {id: tlv.id, type: smpp.types.tlv[tlv.type], multiple: tlv.multiple});
	}
	for (const [name, command] of Object.entries(options.commands || {})) {
		const params = {};
		for (const [param, type] of command.params || []) {
			params[param] = {type: smpp.types[type]};
		}
		smpp.addCommand(name, {id: command.id, params: params, custom: true});
	}
	keepOctets(smpp.PDU);
	return smpp;
}

// keepOctets makes every PDU read from a socket remember its octets, without changing how it is read.
const octets = Symbol('octets');
function keepOctets(PDU) {
	const fromStream = PDU.fromStream;
	PDU.fromStream = function(stream, length) {
		let body = null;
		const pdu = fromStream({read: (n) => body = stream.read(n)}, length);
		if (pdu) {
			const head = Buffer.alloc(4);
			head.writeUInt32BE(length);
			pdu[octets] = Buffer.concat([head, body]);
		}
		return pdu;
	};
}

// toJSON turns what node-smpp decoded into what JSON can hold: octets become {"hex"}, dates {"date"}.
function toJSON(value) {
	if (Buffer.isBuffer(value)) {
		return {hex: value.toString('hex')};
	}
	if (value instanceof Date) {
		return {date: isNaN(value) ? 'invalid' : value.toISOString()};
	}
	if (Array.isArray(value)) {
		return value.map(toJSON);
	}
	if (value && typeof value === 'object') {
		return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, toJSON(v)]));
	}
	return value;
}

// fromJSON is the reverse of toJSON. {n} in a string becomes the number of the message.
function fromJSON(value, n) {
	if (typeof value === 'string') {
		return n === undefined ? value : value.replaceAll('{n}', n);
	}
	if (Array.isArray(value)) {
		return value.map((v) => fromJSON(v, n));
	}
	if (value && typeof value === 'object') {
		const keys = Object.keys(value);
		if (keys.length === 1 && keys[0] === 'hex') {
			return Buffer.from(value.hex, 'hex');
		}
		if (keys.length === 1 && keys[0] === 'date') {
			return new Date(value.date);
		}
		return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, fromJSON(v, n)]));
	}
	return value;
}

const head = ['command', 'command_length', 'command_id', 'command_status', 'sequence_number'];

class Peer {
	// behaviour(pdu) returns the options of the response to a request, or null for none.
	constructor(smpp, session, number, options, behaviour) {
		this.smpp = smpp;
		this.session = session;
		this.number = number;
		this.options = options;
		this.behaviour = behaviour;
		this.waiting = new Map(); // sequence number to command of the test
		this.held = [];
		this.counts = {};
		session.on('pdu', (pdu) => this.guard(() => this.receive(pdu)));
		session.on('error', (e) => this.report('error', {message: e.message, code: e.code}));
		session.on('close', () => this.report('close', {unanswered: this.waiting.size}));
		session.socket.setNoDelay(true);
		if (options.split) {
			this.split(options.split);
		}
	}

	report(event, more) {
		report({event: event, session: this.number, ...more});
	}

	// guard keeps an exception out of node-smpp, whose session never reads again after one.
	guard(f, id) {
		try {
			f();
		} catch (e) {
			this.report('error', {id: id, message: e.message, code: e.code});
		}
	}

	describe(pdu) {
		const params = (this.smpp.commands[pdu.command] || {}).params || {};
		const fields = {}, tlvs = {};
		for (const key of Object.keys(pdu)) {
			if (!head.includes(key)) {
				(key in params ? fields : tlvs)[key] = toJSON(pdu[key]);
			}
		}
		return {
			command: pdu.command, command_id: pdu.command_id, command_status: pdu.command_status,
			sequence_number: pdu.sequence_number, fields: fields, tlvs: tlvs,
			octets: pdu[octets] && pdu[octets].toString('hex'),
		};
	}

	receive(pdu) {
		this.counts[pdu.command] = (this.counts[pdu.command] || 0) + 1;
		if (pdu.isResponse()) {
			if (!this.waiting.has(pdu.sequence_number)) {
				this.report('pdu', this.describe(pdu));
			}
			return;
		}
		if (!(this.options.quiet || []).includes(pdu.command)) {
			this.report('pdu', this.describe(pdu));
		}
		const special = (this.options.answers || {})[pdu.command] || {};
		if (special.silent) {
			return;
		}
		let answer = pdu.command === 'unknown' ? {command_status: RINVCMDID} : this.behaviour(pdu, this);
		if (!answer) {
			return;
		}
		answer = Object.assign(answer, fromJSON(special));
		let response;
		if (pdu.command === 'unknown' || this.smpp.commands[pdu.command + '_resp']) {
			response = pdu.response(answer);
		} else {
			response = new this.smpp.PDU('generic_nack', {command_status: RINVCMDID, sequence_number: pdu.sequence_number});
		}
		const send = () => {
			this.session.send(response);
			if (pdu.command === 'unbind' && response.command_status === OK) {
				this.session.close();
			}
		};
		const hold = (this.options.hold || {})[pdu.command];
		if (!hold) {
			send();
			return;
		}
		// Answers wait for each other, so that the sender must have that many requests in flight.
		this.held.push(send);
		if (this.held.length >= hold) {
			this.release();
		}
	}

	release(id) {
		const held = this.options.reverse ? this.held.reverse() : this.held;
		this.held = [];
		this.report('released', {id: id, count: held.length});
		held.forEach((f) => f());
	}

	send(command) {
		const pdu = new this.smpp.PDU(command.command, fromJSON(command.pdu || {}));
		const sent = this.request(pdu, (response) => this.report('response', {id: command.id, ...this.describe(response)}));
		this.report(sent ? 'sent' : 'error', sent ? {id: command.id, command: pdu.command, sequence_number: pdu.sequence_number}
			: {id: command.id, message: 'socket is not writable'});
	}

	request(pdu, done) {
		if (pdu.isResponse()) {
			return this.session.send(pdu);
		}
		return this.session.send(pdu, (response) => {
			this.waiting.delete(response.sequence_number);
			done(response);
		}) && this.waiting.set(pdu.sequence_number, true);
	}

	// flood sends the same request many times, with up to window of them unanswered.
	flood(command) {
		const count = command.count, window = command.window || count;
		const start = process.hrtime.bigint();
		const statuses = {}, ids = new Set();
		let sent = 0, answered = 0, most = 0;
		const more = () => {
			while (sent < count && sent - answered < window) {
				const pdu = new this.smpp.PDU(command.command, fromJSON(command.pdu || {}, sent));
				sent++;
				most = Math.max(most, sent - answered);
				if (!this.request(pdu, done)) {
					throw new Error('socket is not writable');
				}
			}
		};
		const done = (response) => {
			answered++;
			const status = response.command + ' ' + response.command_status;
			statuses[status] = (statuses[status] || 0) + 1;
			if (response.message_id) {
				ids.add(response.message_id);
			}
			if (answered === count) {
				this.report('flooded', {
					id: command.id, sent: sent, answered: answered, statuses: statuses, message_ids: ids.size, most_in_flight: most,
					seconds: Number(process.hrtime.bigint() - start) / 1e9,
				});
			} else {
				this.guard(more, command.id);
			}
		};
		more();
	}

	// split cuts everything that is written from now on into pieces of n octets, each a write of its own in its own turn.
	split(n) {
		const socket = this.session.socket;
		this.write = this.write || socket.write;
		const write = this.write.bind(socket);
		const queue = [];
		const next = () => {
			const [piece, done] = queue[0];
			write(piece, (err) => {
				queue.shift();
				if (done) {
					done(err);
				}
				if (queue.length) {
					setImmediate(next);
				}
			});
		};
		socket.write = (data, done) => {
			for (let i = 0; i < data.length; i += n) {
				queue.push([data.subarray(i, i + n), i + n >= data.length ? done : null]);
				if (queue.length === 1) {
					setImmediate(next);
				}
			}
			return true;
		};
		const end = socket.end.bind(socket);
		socket.end = () => queue.length ? queue[queue.length - 1][1] = chain(queue[queue.length - 1][1], end) : end();
	}

	run(command) {
		switch (command.do) {
		case 'send':
			return this.send(command);
		case 'flood':
			return this.flood(command);
		case 'raw':
			this.session.socket.write(Buffer.from(command.hex, 'hex'));
			return this.report('sent', {id: command.id});
		case 'split':
			this.split(command.octets);
			return this.report('done', {id: command.id});
		case 'release':
			return this.release(command.id);
		case 'count':
			return this.report('count', {id: command.id, counts: this.counts, unanswered: this.waiting.size});
		case 'close':
			return this.session.close();
		case 'destroy':
			return this.session.destroy();
		default:
			throw new Error('unknown command ' + JSON.stringify(command.do));
		}
	}
}

function chain(f, g) {
	return (err) => {
		if (f) {
			f(err);
		}
		g();
	};
}

// listen hands every line of stdin to run and ends the process with stdin.
function listen(options, run) {
	const lines = readline.createInterface({input: process.stdin});
	lines.on('line', (line) => {
		let command = {};
		try {
			command = JSON.parse(line);
			if (command.do === 'set') {
				Object.assign(options, command.options);
				report({event: 'done', id: command.id});
			} else {
				run(command);
			}
		} catch (e) {
			report({event: 'error', id: command.id, message: e.message, code: e.code});
		}
	});
	lines.on('close', () => process.exit(0));
	process.stdout.on('error', () => process.exit(1));
	process.on('uncaughtException', (e) => {
		report({event: 'error', fatal: true, message: e.stack});
		process.exit(1);
	});
}

// usual answers what is asked of either side; undefined means that the side has to say.
function usual(pdu) {
	switch (pdu.command) {
	case 'enquire_link':
	case 'unbind':
		return {};
	case 'alert_notification':
	case 'outbind':
		return null;
	}
	return undefined;
}

module.exports = {loadPackage, report, listen, usual, Peer, RINVBNDSTS};
