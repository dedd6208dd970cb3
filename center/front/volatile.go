package front

import (
	"context"
	"errors"
	"time"

	"github.com/godwit-sms/smpp/center/dispatch"
	"github.com/godwit-sms/smpp/center/handset"
	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/tlv"
)

// try delivers a message in datagram or transaction mode: now, once, without
// storing it. In transaction mode it waits for what comes of it; the TLVs then
// tell of a failure. SMPP v5.0, sections 4.2.10 and 4.2.1.2.
func (f *Front) try(ctx context.Context, now time.Time, m *message.Message) (string, tlv.List, error) {
	m.ID = f.cfg.Dispatcher.NextID(now, 1)
	m.Group = m.ID
	if m.ESMClass.Mode() == pdu.ModeDatagram {
		err := f.cfg.Dispatcher.Try(m, nil)
		if errors.Is(err, dispatch.ErrNoWay) {
			err = nil // nobody promised anything
		}
		return m.MessageID(), nil, statusOf(err, pdu.StatusSubmitFailed)
	}
	if latest := now.Add(f.set().Transaction); m.Expires.After(latest) {
		m.Expires = latest
	}
	result := make(chan dispatch.Result, 1)
	var r dispatch.Result
	absent := f.cfg.Table.Route(dispatch.KeyOf(m)).Window() <= 0
	switch err := f.cfg.Dispatcher.Try(m, func(r dispatch.Result) { result <- r }); {
	case errors.Is(err, dispatch.ErrNoWay):
		r = dispatch.Result{Outcome: dispatch.Lost}
	case err != nil:
		return "", nil, statusOf(err, pdu.StatusSubmitFailed)
	default:
		select {
		case r = <-result:
		case <-ctx.Done(): // nobody is there to be answered
			return "", nil, pdu.StatusSystemError
		}
	}
	if r.Outcome == dispatch.Delivered || r.Outcome == dispatch.Accepted {
		return m.MessageID(), nil, nil
	}
	tlvs := tlv.List{pdu.TLVDeliveryFailureReason.Option(reasonOf(r))}
	if r.Error.Type != 0 {
		tlvs = append(tlvs, pdu.TLVNetworkErrorCode.Option(pdu.NetworkError{Type: r.Error.Type, Code: r.Error.Code}))
	}
	if wanted, _ := pdu.TLVSetDPF.Get(m.TLVs); wanted == 1 {
		set, err := f.cfg.Dispatcher.Flag(ctx, m)
		if err != nil {
			f.log.Warn("a delivery pending flag is not set", "account", m.Account, "error", err)
		}
		if now := f.cfg.Table.Route(dispatch.KeyOf(m)); set && absent && now.Window() > 0 {
			f.cfg.Dispatcher.Wake(now) // it has come before the flag was there
		}
		if set {
			tlvs = append(tlvs, pdu.TLVDPFResult.Option(1))
		}
	}
	return "", tlvs, pdu.StatusDeliveryFailure
}

// reasonOf tells a failure in the words of delivery_failure_reason. SMPP v5.0,
// section 4.8.4.19.
func reasonOf(r dispatch.Result) pdu.FailureReason {
	gsm := r.Error.Type == pdu.ErrorGSM
	switch {
	case gsm && r.Error.Code == handset.UnknownSubscriber, r.Error == message.Error{Type: pdu.ErrorSMPP, Code: uint16(pdu.StatusInvalidDest)}:
		return pdu.FailureDestInvalid
	case gsm && r.Error.Code == handset.AbsentSubscriber, r.Error == message.Error{} && (r.Outcome == dispatch.Lost || r.Outcome == dispatch.Later):
		return pdu.FailureDestUnavailable
	case r.Outcome == dispatch.Later || r.Outcome == dispatch.Lost:
		return pdu.FailureTemporaryNetwork
	}
	return pdu.FailurePermanentNetwork
}
