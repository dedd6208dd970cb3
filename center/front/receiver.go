package front

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/center/dispatch"
	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/center/route"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/tlv"
)

// A receiver is a session that is delivered to. It has a goroutine only while it
// has something to send.
type receiver struct {
	front   *Front
	session *smpp.Session
	id      uint64
	window  int
	version pdu.Version
	plain   bool // TLVs are not for it
	data    bool // messages go as data_sm
	load    atomic.Int64

	mu      sync.Mutex
	pending []*dispatch.Attempt
	working bool
}

var _ route.Session = (*receiver)(nil)

func (r *receiver) ID() uint64  { return r.id }
func (r *receiver) Window() int { return r.window }
func (r *receiver) Load() int   { return int(r.load.Load()) }

// Attempt has a message delivered.
func (r *receiver) Attempt(a *dispatch.Attempt) {
	r.load.Add(1)
	r.mu.Lock()
	r.pending = append(r.pending, a)
	start := !r.working
	r.working = true
	r.mu.Unlock()
	if start {
		go r.work()
	}
}

func (r *receiver) work() {
	var batch []*dispatch.Attempt
	for {
		r.mu.Lock()
		batch, r.pending = r.pending, batch[:0]
		if len(batch) == 0 {
			r.working, r.pending = false, nil
			r.mu.Unlock()
			return
		}
		r.mu.Unlock()
		for i, a := range batch {
			batch[i] = nil
			r.deliver(a)
		}
	}
}

func (r *receiver) deliver(a *dispatch.Attempt) {
	m := a.Message
	var err error
	switch {
	case m.Kind == message.Alert:
		alert := &pdu.AlertNotification{Source: m.Source, ESME: m.Dest, TLVs: tlv.List{pdu.TLVMSAvailabilityStatus.Option(pdu.Available)}}
		r.done(a, r.session.Alert(context.Background(), alert), nil) // there is no answer
		return
	case len(m.Source.Addr) > maxAddr, len(m.Dest.Addr) > maxAddr, r.data && !r.plain && m.Kind == message.Normal:
		err = smpp.Go(context.Background(), r.session, dataOf(m, r.version), func(resp *pdu.DataSMResp, err error) {
			var tlvs tlv.List
			if resp != nil {
				tlvs = resp.TLVs
			}
			r.done(a, err, tlvs)
		})
	default:
		err = smpp.Go(context.Background(), r.session, deliverOf(m, r.version, r.plain), func(resp *pdu.DeliverSMResp, err error) {
			var tlvs tlv.List
			if resp != nil {
				tlvs = resp.TLVs
			}
			r.done(a, err, tlvs)
		})
	}
	if err != nil {
		r.done(a, err, nil)
	}
}

// done tells what came of a delivery.
func (r *receiver) done(a *dispatch.Attempt, err error, tlvs tlv.List) {
	r.load.Add(-1)
	result := resultOf(err, tlvs)
	if result.Outcome == dispatch.Lost {
		r.front.cfg.Table.Remove(r) // nothing more goes this way
	}
	if err != nil && result.Outcome != dispatch.Lost {
		// What its session cannot be sent, as when it speaks v3.3, never reaches it:
		// nobody else would tell of that.
		level, what := slog.LevelDebug, "delivery refused"
		if encode := (*pdu.EncodeError)(nil); errors.As(err, &encode) {
			level, what = slog.LevelWarn, "message does not fit its receiver"
		}
		r.front.log.Log(context.Background(), level, what, "id", a.Message.Group, "session", r.id, "attempt", a.Number, "error", err)
	}
	a.Done(result)
}

// resultOf tells what the answer to a deliver_sm or data_sm means: the error of
// the request, and the TLVs that came with a refusal. SMPP v5.0, sections 4.3.1.2
// and 4.2.2.2.
func resultOf(err error, tlvs tlv.List) dispatch.Result {
	if err == nil {
		return dispatch.Result{Outcome: dispatch.Delivered}
	}
	var refused *smpp.ResponseError
	var encode *pdu.EncodeError
	switch {
	case errors.As(err, &refused):
		r := dispatch.Result{Outcome: dispatch.Failed, Error: message.Error{Type: pdu.ErrorSMPP, Code: uint16(min(refused.Status, 0xFFFF))}}
		switch {
		case refused.Status == pdu.StatusRejectedByApp:
			r.Outcome = dispatch.Rejected
		case refused.Status == pdu.StatusPermanentAppError:
			r.Outcome = dispatch.FailedAll
		case refused.Status.Temporary():
			r.Outcome = dispatch.Later
		}
		if reason, ok := pdu.TLVDeliveryFailureReason.Get(tlvs); ok && refused.Status == pdu.StatusDeliveryFailure {
			if reason == pdu.FailureDestUnavailable || reason == pdu.FailureTemporaryNetwork {
				r.Outcome = dispatch.Later
			}
		}
		if e, ok := pdu.TLVNetworkErrorCode.Get(tlvs); ok && e.Type != 0 {
			r.Error = message.Error{Type: e.Type, Code: e.Code}
		}
		return r
	case errors.As(err, &encode): // the peer's version of SMPP cannot carry it
		return dispatch.Result{Outcome: dispatch.Failed, Error: message.Error{Type: pdu.ErrorSMPP, Code: uint16(min(encode.Status, 0xFFFF))}}
	}
	var decode *pdu.DecodeError
	if errors.As(err, &decode) && decode.Field != "command_id" { // ESME_ROK, with a body of which nothing is needed
		return dispatch.Result{Outcome: dispatch.Delivered}
	}
	r := dispatch.Result{Outcome: dispatch.Later, Unsure: smpp.Outcome(err) != smpp.NeverSent}
	var state *smpp.StateError
	if errors.Is(err, net.ErrClosed) || errors.As(err, &state) { // the session has ended, or is about to
		r.Outcome = dispatch.Lost
	}
	return r
}

// maxAddr is the longest address of a deliver_sm.
const maxAddr = 20

// deliverOf returns a message as a deliver_sm for a peer of version v, which is
// plain when it takes no TLVs.
func deliverOf(m *message.Message, v pdu.Version, plain bool) *pdu.DeliverSM {
	d := &pdu.DeliverSM{
		ServiceType: m.ServiceType, Source: m.Source, Dest: m.Dest, ESMClass: m.ESMClass &^ pdu.ModeMask, ProtocolID: m.ProtocolID, PriorityFlag: m.Priority,
		RegisteredDelivery: acknowledgements(m), DataCoding: m.DataCoding, ShortMessage: m.Text, TLVs: tlvsFor(m, v),
	}
	if plain {
		if p, ok := d.TLVs.Get(pdu.TLVMessagePayload.Tag()); ok {
			d.ShortMessage, d.TLVs = p, withPayload(d.TLVs, nil)
		}
	}
	switch {
	case v < pdu.V34:
		d.PriorityFlag, d.RegisteredDelivery = min(d.PriorityFlag, 1), 0
	case v < pdu.V50:
		d.PriorityFlag = min(d.PriorityFlag, 3)
		if len(d.ShortMessage) > 254 {
			d.ShortMessage, d.TLVs = nil, withPayload(d.TLVs, d.ShortMessage)
		}
	}
	return d
}

// dataOf returns a message as a data_sm, which has room for long addresses.
func dataOf(m *message.Message, v pdu.Version) *pdu.DataSM {
	d := &pdu.DataSM{
		ServiceType: m.ServiceType, Source: m.Source, Dest: m.Dest, ESMClass: m.ESMClass &^ pdu.ModeMask,
		RegisteredDelivery: acknowledgements(m), DataCoding: m.DataCoding, TLVs: tlvsFor(m, v),
	}
	if len(m.Text) > 0 {
		d.TLVs = withPayload(d.TLVs, m.Text)
	}
	return d
}

// acknowledgements is what the sender wants of the one it writes to; receipts
// are the message center's business.
func acknowledgements(m *message.Message) pdu.RegisteredDelivery {
	return m.RegisteredDelivery & (pdu.DeliveryAck | pdu.UserAck)
}

// tlvsFor returns the TLVs without those that were for the message center, and
// without those whose value a peer of version v could not understand.
func tlvsFor(m *message.Message, v pdu.Version) tlv.List {
	return without(m.TLVs, func(o *tlv.Option) bool {
		switch o.Tag {
		case pdu.TLVSetDPF.Tag(), pdu.TLVQOSTimeToLive.Tag(), pdu.TLVBillingIdentification.Tag():
			return true
		case pdu.TLVNetworkErrorCode.Tag():
			return v < pdu.V50 && len(o.Value) > 0 && o.Value[0] > 3
		case pdu.TLVDPFResult.Tag(): // v3.4 knows it in responses only
			return v < pdu.V50
		case pdu.TLVMSValidity.Tag():
			return v < pdu.V50 && len(o.Value) > 1
		case pdu.TLVAlertOnMessageDelivery.Tag():
			return v < pdu.V50 && len(o.Value) > 0
		case pdu.TLVMessageState.Tag():
			return len(o.Value) == 1 && stateFor(message.State(o.Value[0]), v) != message.State(o.Value[0])
		}
		return false
	})
}
