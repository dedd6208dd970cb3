// Package interop lets tests talk to other implementations of SMPP: node-smpp, as a client and as a server, and Wireshark's
// dissector. It is for tests only.
//
// What a test needs and the machine lacks (node, the npm packages of the node directory, tshark) skips the test with a reason.
// Where the environment says CI=true it fails it instead. The packages are installed with
//
//	npm ci --prefix internal/interop/node
//
// # node-smpp
//
// [StartServer] and [StartClient] start a script of the node directory in its own process and return a [Proc]. Test and process
// exchange JSON objects: commands one way, events the other. Octets are {"hex": "6869"} and dates {"date": "2026-01-02T03:04:05Z"}
// wherever a PDU holds them, both ways. The names of commands, parameters and TLVs are node-smpp's, which are the specification's.
//
// The commands have a "do", and mostly an "id", which comes back in the events that they cause ([Proc.Call] sees to that). One to a
// server may name the number of a "session", from 1; without it the latest session is meant.
//
//	{"do":"send", "command":"submit_sm", "pdu":{...}}   sends a PDU; "pdu" may hold command_status and sequence_number too
//	{"do":"flood", "command":"submit_sm", "pdu":{...}, "count":5000, "window":1000}
//	                                                    sends many, with up to window unanswered (all, without a window);
//	                                                    {n} in a string of "pdu" is the number of the PDU, from 0
//	{"do":"raw", "hex":"0000..."}                       writes octets as they are
//	{"do":"split", "octets":1}                          from now on cuts everything written into writes of so many octets
//	{"do":"release"}                                    gives the answers that Options.Hold has kept back so far
//	{"do":"count"}                                      asks how many PDUs have come in, by command
//	{"do":"set", "options":{"answers":...}}             changes Answers, Hold, Reverse, Quiet, SystemID, Password, Unreachable
//	{"do":"close"}, {"do":"destroy"}                    closes the connection, gracefully or not; no unbind is sent
//
// The events have an "event" and, where there is one, a "session":
//
//	{"event":"listening", "port":2775}                  the server accepts connections
//	{"event":"session"}, {"event":"connected"}          a connection stands, on the server's and on the client's side
//	{"event":"pdu", PDU}                                a request, or a response that nobody waits for
//	{"event":"response", "id":..., PDU}                 the response to a "send"
//	{"event":"sent", "id":..., "sequence_number":7}     the PDU of a "send" is on its way
//	{"event":"flooded", "id":..., "sent":5000, "answered":5000, "statuses":{"submit_sm_resp 0":5000}, "message_ids":5000,
//	   "most_in_flight":1000, "seconds":0.4}            the last response to a "flood"; message_ids counts the different ones
//	{"event":"released", "count":1000}                  answers kept back were given
//	{"event":"count", "id":..., "counts":{"submit_sm":5000}, "unanswered":0}
//	{"event":"done", "id":...}                          after set and split
//	{"event":"close", "unanswered":0}                   the connection is closed
//	{"event":"error", "id":..., "message":"..."}        a command failed, or node-smpp reported an error
//
// where PDU is
//
//	"command":"submit_sm", "command_id":4, "command_status":0, "sequence_number":1,
//	"fields":{...}, "tlvs":{...}, "octets":"0000003d..."
//
// with the values as node-smpp decodes them: texts as {"message":"hi"} or {"message":"hi","udh":[{"hex":"000301"}]}, TLVs that it does
// not know under their decimal tag, command "unknown" for a command that it does not know; octets is the PDU as it was on the wire.
//
// A server answers every request as a message center would, a client as an application would; both answer what they do not know
// with generic_nack. Options.Answers changes that.
//
// # Wireshark
//
// [Dissect] shows PDUs to tshark and returns what it makes of them.
package interop
