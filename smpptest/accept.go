package smpptest

import (
	"strconv"
	"sync/atomic"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
)

// Accept returns the handler of a message center that accepts everything: the
// message ids are "1", "2" and so on, a query_sm learns that the message was
// delivered, and nothing happens to it. It never blocks.
func Accept() smpp.Handler {
	var last atomic.Int64
	id := func() string { return strconv.FormatInt(last.Add(1), 10) }
	return smpp.Inline(smpp.HandlerFunc(func(w smpp.ResponseWriter, in *smpp.Incoming) {
		_ = w.Respond(pdu.StatusOK, acceptance(in.Body, id)) // the session may have ended
	}))
}

// acceptance is the response to a request that is not just an empty one, or nil.
func acceptance(req pdu.Body, id func() string) pdu.Body {
	switch b := req.(type) {
	case *pdu.SubmitSM:
		return &pdu.SubmitSMResp{MessageID: id()}
	case *pdu.SubmitMulti:
		return &pdu.SubmitMultiResp{MessageID: id()}
	case *pdu.DataSM:
		return &pdu.DataSMResp{MessageID: id()}
	case *pdu.BroadcastSM:
		return &pdu.BroadcastSMResp{MessageID: id()}
	case *pdu.QuerySM:
		return &pdu.QuerySMResp{MessageID: b.MessageID, State: pdu.StateDelivered}
	}
	return nil
}
