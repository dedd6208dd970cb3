// Package smpptest helps to test programs that speak SMPP: a message center on
// a loopback port, a peer that does what a script says, connections that go
// wrong, and a connection in memory for tests without sockets.
//
// What to use when:
//
//   - To test a client against a message center that works: [NewServer], as
//     net/http/httptest has it for HTTP. It lets every ESME bind, hands requests
//     to a handler, such as [Accept], and keeps what it received.
//     [Server.Deliver] sends messages to the clients.
//   - To test what a client or a server does when something goes wrong:
//     [Faults], on either side's connections. They delay, drop, duplicate,
//     reorder, trickle, malform and refuse PDUs, cut connections in the middle of
//     one and leave them half-open; where a test says so ([Faults.Next],
//     Faults.Decide), or by chance ([Rates]) and yet the same in each run.
//     Everything else works as ever.
//   - To say what a peer does, step by step: [NewScript], a peer of either side.
//     It answers binds, submissions and whatever else sensibly by itself, and
//     takes steps where a test wants something special: expect a PDU and look at
//     it, answer it late, twice, with another sequence number or not at all, send
//     octets that are no PDU, stop reading, close in the middle of a frame.
//   - To test a reader of delivery receipts: [Receipt] writes one in each of the
//     forms that are met in the field; [ReceiptForms] names them.
//   - To test without sockets and without waiting: [Pipe] is a connection in
//     memory with buffers, deadlines and half-close, which works in the bubbles of
//     testing/synctest, where the minutes that a timer takes pass at once. [Pair]
//     binds two sessions over one. Faults and scripts work on it.
//   - To prove that nothing depends on how octets arrive: [Trickle].
//
// A peer that is half-open, found out in no time:
//
//	synctest.Test(t, func(t *testing.T) {
//		faults := new(smpptest.Faults)
//		near, far := smpptest.Pipe()
//		srv := &smpp.Server{Handler: smpptest.Accept(), EnquireLink: -1}
//		server := srv.ServeConn(far)
//		sess, err := smpp.Bind(t.Context(), faults.Conn(near), &smpp.Config{EnquireLink: 30 * time.Second})
//		if err != nil {
//			t.Fatal(err)
//		}
//		faults.Next(pdu.IDEnquireLink, smpptest.Stalled)
//		<-sess.Done()
//		if !errors.Is(sess.Err(), smpp.ErrDeadPeer) {
//			t.Error(sess.Err())
//		}
//		<-server.Done()
//	})
package smpptest
