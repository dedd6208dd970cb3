// Package smpp is a client and a server of SMPP, the Short Message Peer-to-Peer
// protocol, in version 5.0 and, to peers that are older, 3.4 and 3.3.
//
// # Sending
//
// Dial connects to a message center, binds and returns a Session. Submit sends a
// message and waits for the answer; it may be called from many goroutines, and
// what they send travels in batches:
//
//	sess, err := smpp.Dial(ctx, "smpp://smsc.example.com:2775", &smpp.Config{
//		SystemID: "acme",
//		Password: "secret",
//	})
//	if err != nil {
//		return err
//	}
//	defer sess.Close()
//
//	resp, err := sess.Submit(ctx, &pdu.SubmitSM{
//		Source:       pdu.Alphanumeric("ACME"),
//		Dest:         pdu.International("491701234567"),
//		ShortMessage: []byte("Your code is 4711"),
//	})
//
// Package sms makes the PDUs for a text of any length and script, and reads
// texts and receipts.
//
// # What went wrong
//
// A response with an error is a *ResponseError, and errors.Is finds its status:
// errors.Is(err, pdu.StatusThrottled). Anything else that keeps a request from
// being answered is a *RequestError. Outcome tells whether the request was never
// sent, was refused, or may have been carried out; SafeToRetry whether sending
// it again can do no harm. A submission whose outcome is unknown is never sent
// again by itself.
//
// # Many at once
//
// Config.Window bounds how many requests wait for their responses; beyond that,
// sending blocks until there is room or the context ends. Do is what Submit and
// its sisters are made of, and takes requests of any type. Go does not wait: it
// calls back with the response. RoundTrip is for requests whose type is not
// known; Forward is for proxies, and changes no octet but the sequence number.
//
// # A client that heals
//
// A Client keeps several sessions bound, with one message center or more, and
// has the methods of a Session. It dials again after a pause of random length,
// gives each request to the session with the most room, fails over, sends again
// in order what a message center refuses for the moment, and gives up on accounts
// that are refused. Links, Stats and LinkChanged show what goes on. What it does
// not do is send a request twice whose outcome is unknown:
//
//	client := &smpp.Client{
//		Targets: []smpp.Target{
//			{URL: "smpp://acme:secret@smsc1.example.com"},
//			{URL: "smpp://acme:secret@smsc2.example.com", Priority: 1},
//		},
//		Sessions: 4,
//	}
//	defer client.Close()
//	resp, err := client.Submit(ctx, m)
//
// # How fast
//
// Config.MessageRate and Config.PartRate keep a session below a rate, a Limiter
// several sessions together. Beyond that a client slows down when its message
// center tells of congestion (v5.0) or refuses for now, and speeds up again;
// Config.IgnoreLoad switches that off. A Server tells its own load.
//
// # Receiving
//
// What the peer sends goes to a Handler. HandlerFor makes one of a function with
// typed arguments, and a Mux holds one for each command. Handlers run on a
// bounded number of goroutines of the session, so they may block and may send on
// their own session; Inline is for those that never block, and Borrow for those of
// them that keep nothing of a request, which spares its memory. The answer is what
// the function returns: a response, nil for an empty one, or an error whose
// pdu.Status becomes that of the response. A message is acknowledged when the
// handler returns, not before.
//
// # Serving
//
// A Server accepts connections, lets ESMEs bind as Authenticate decides, and
// gives their requests to its Handler. Both sides have the same Session: a
// server delivers messages with Deliver as a client submits them with Submit.
//
// What peers may take is bounded: Limits for connections, addresses and those who
// guess passwords, Account for the binds and the rate of an ESME. Before the bind
// a connection costs a few kilobytes whatever it sends. ServeTLS reads a
// certificate again when its file changes, Session.TLS shows Authenticate that of
// an ESME, and Server.Stats counts what was refused.
//
// Server.Outbind dials out to an ESME, which ListenOutbind waits for; the ESME
// then binds on the same connection.
//
// # Seeing
//
// Trace has hooks for all that happens to a session, LogTrace makes a log of
// them that shows neither passwords nor texts, and Session.Stats has counters.
// A response that comes when its request was given up is told to Trace.Late.
//
// # What a session does by itself
//
// It answers enquire_link and unbind, refuses unknown commands with a
// generic_nack and malformed PDUs with the status of the field at fault, asks a
// silent peer whether it is alive and ends when it is not, and fails every
// request that is open when it ends. Close and Shutdown end it; Done and Err
// tell when and why.
//
// The SMPP v5.0 specification is cited by section.
package smpp
