package front

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/godwit-sms/smpp/center/dispatch"
	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/center/store"
	"github.com/godwit-sms/smpp/pdu"
)

// find returns the messages that a message_id means: one, or those of a
// submit_multi. Messages of other accounts are as unknown as those that never
// were.
func (f *Front) find(ctx context.Context, c caller, text string, source pdu.Address) ([]*message.Message, error) {
	id, ok := message.ParseID(text)
	if !ok {
		var err error
		if id, err = f.cfg.Store.Lookup(ctx, store.IndexAlias, strings.ToLower(text)); err != nil {
			return nil, statusOf(err, pdu.StatusInvalidMessageID)
		}
	}
	m, err := f.cfg.Store.Get(ctx, id)
	if err != nil {
		return nil, statusOf(err, pdu.StatusInvalidMessageID)
	}
	switch {
	case m.Account != c.binding.account.ID || m.Kind != message.Normal || m.ID != m.Group:
		return nil, pdu.StatusInvalidMessageID
	case !message.SameAddress(source, m.Source) && !message.SameAddress(c.account.SourceOf(source), m.Source):
		return nil, pdu.StatusInvalidSource
	}
	found := []*message.Message{m}
	for i := 1; i < m.Dests; i++ {
		if other, err := f.cfg.Store.Get(ctx, id+message.ID(i)); err == nil {
			found = append(found, other)
		}
	}
	return found, nil
}

func (f *Front) querySM(ctx context.Context, c caller, p *pdu.QuerySM) (*pdu.QuerySMResp, error) {
	if c.version < pdu.V34 && len(p.MessageID) > 8 {
		return nil, pdu.StatusInvalidMessageID // the response has no room for it
	}
	found, err := f.find(ctx, c, p.MessageID, p.Source)
	if err != nil {
		return nil, err
	}
	m := summary(found)
	resp := &pdu.QuerySMResp{MessageID: p.MessageID, State: stateFor(m.State, c.version)}
	if m.Error.Code <= 0xFF {
		resp.ErrorCode = uint8(m.Error.Code)
	}
	if m.Ended() {
		if resp.FinalDate, err = pdu.AbsoluteTime(m.Final); err != nil {
			return nil, err
		}
	}
	return resp, nil
}

// summary returns the message that stands for those of a submit_multi: one that
// is still on its way, else one that was not delivered, else the last.
func summary(found []*message.Message) *message.Message {
	best := found[0]
	rank := func(m *message.Message) int {
		switch {
		case !m.Ended():
			return 2
		case m.State != pdu.StateDelivered:
			return 1
		}
		return 0
	}
	for _, m := range found[1:] {
		if r, b := rank(m), rank(best); r > b || r == b && m.Final.After(best.Final) {
			best = m
		}
	}
	return best
}

// stateFor returns the state as version v has it.
func stateFor(s message.State, v pdu.Version) message.State {
	switch {
	case v < pdu.V50 && s == pdu.StateScheduled:
		return pdu.StateEnroute
	case v < pdu.V50 && s == pdu.StateSkipped, v < pdu.V34 && s == pdu.StateRejected:
		return pdu.StateUndeliverable
	}
	return s
}

func (f *Front) cancelSM(ctx context.Context, c caller, p *pdu.CancelSM) (*pdu.CancelSMResp, error) {
	var ids []message.ID
	if p.MessageID != "" {
		found, err := f.find(ctx, c, p.MessageID, p.Source)
		if err != nil {
			return nil, err
		}
		for _, m := range found {
			if p.Dest.Addr == "" || message.SameAddress(p.Dest, m.Dest) || message.SameAddress(c.account.DestOf(p.Dest), m.Dest) {
				ids = append(ids, m.ID)
			}
		}
		if len(ids) == 0 {
			return nil, pdu.StatusInvalidDest
		}
	} else {
		if p.Dest.Addr == "" {
			return nil, pdu.StatusInvalidDest
		}
		var err error
		if ids, err = f.between(ctx, c, p); err != nil {
			return nil, err
		}
	}
	cancelled, err := f.cfg.Dispatcher.CancelAll(ctx, ids)
	switch {
	case err != nil:
		return nil, statusOf(err, pdu.StatusCancelFailed)
	case cancelled == 0:
		return nil, pdu.StatusCancelFailed
	}
	return nil, nil
}

// between returns the messages that wait between the addresses that a cancel_sm
// names, as they are or as the account has them changed.
func (f *Front) between(ctx context.Context, c caller, p *pdu.CancelSM) (ids []message.ID, err error) {
	sources := slices.Compact([]pdu.Address{p.Source, c.account.SourceOf(p.Source)})
	dests := slices.Compact([]pdu.Address{p.Dest, c.account.DestOf(p.Dest)})
	for _, source := range sources {
		for _, dest := range dests {
			group := dispatch.Group{Account: c.account.ID, Source: source, Dest: dest, ServiceType: p.ServiceType, AnyService: p.ServiceType == ""}
			for m, err := range f.cfg.Dispatcher.Waiting(ctx, group) {
				if err != nil {
					return nil, err
				}
				ids = append(ids, m.ID)
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

func (f *Front) replaceSM(ctx context.Context, c caller, p *pdu.ReplaceSM) (*pdu.ReplaceSMResp, error) {
	found, err := f.find(ctx, c, p.MessageID, p.Source)
	switch {
	case err != nil:
		return nil, err
	case !registered(p.RegisteredDelivery, c.version):
		return nil, pdu.StatusInvalidRegisteredDelivery
	case found[0].Dests > 1:
		return nil, pdu.StatusReplaceFailed // one message for many cannot be changed for one of them
	}
	now := time.Now()
	err = f.cfg.Dispatcher.Replace(ctx, found[0].ID, func(m *message.Message) error {
		expires := m.Expires
		if p.ScheduleDeliveryTime != "" || p.ValidityPeriod != "" {
			schedule, state := p.ScheduleDeliveryTime, m.State
			if schedule == "" && m.Due.After(now) {
				due, err := pdu.AbsoluteTime(m.Due)
				if err != nil {
					return pdu.StatusInvalidScheduleTime
				}
				schedule = due
			}
			if p.ValidityPeriod != "" { // what the message was submitted with is over
				m.TLVs = m.TLVs.Clone()
				pdu.TLVQOSTimeToLive.Delete(&m.TLVs)
			}
			if err := f.times(m, schedule, p.ValidityPeriod, now); err != nil {
				return err
			}
			if m.State = state; p.ValidityPeriod == "" {
				if m.Expires = expires; m.Due.After(expires) {
					return pdu.StatusInvalidScheduleTime
				}
			}
		}
		m.Submitted = now
		m.RegisteredDelivery = p.RegisteredDelivery
		// There is no data_coding and no esm_class: the old ones stay.
		m.Text = bytes.Clone(p.ShortMessage)
		m.TLVs = withPayload(m.TLVs, nil)
		if payload, ok := p.TLVs.Get(pdu.TLVMessagePayload.Tag()); ok && len(payload) > 0 {
			m.Text, m.TLVs = nil, withPayload(m.TLVs, bytes.Clone(payload))
		}
		return f.canned(m, p.DefaultMessageID)
	})
	return nil, statusOf(err, pdu.StatusReplaceFailed)
}
