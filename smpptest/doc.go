// Package smpptest helps to test programs that speak SMPP: a message center on
// a loopback port, a peer that does what a script says and goes wrong where it
// is told to, and a connection in memory for tests without sockets.
//
//   - [NewServer] starts a message center for the time of a test, as
//     net/http/httptest does for HTTP: it lets every ESME bind, hands requests
//     to a handler and keeps what it received.
//   - [NewScript] makes a peer of either side. It answers binds, submissions
//     and whatever else sensibly by itself, and takes steps where a test wants
//     something special: expect a PDU, answer it late, twice, with another
//     sequence number or not at all, send octets that are no PDU, stop reading,
//     close in the middle of a frame.
//   - [Pipe] is a connection in memory with buffers, deadlines and half-close.
//     It works in the bubbles of testing/synctest, where the minutes that a
//     timer takes pass at once. [Pair] binds two sessions over one.
package smpptest
