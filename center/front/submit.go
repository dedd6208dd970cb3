package front

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/godwit-sms/smpp/center/dispatch"
	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/center/store"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/tlv"
)

// A submission is what submit_sm, submit_multi and data_sm have in common.
type submission struct {
	message            message.Message // without ID, destination and times
	schedule, validity pdu.Time
	replace, canned    uint8
}

// check looks at all but the destination, changes what the account has changed,
// and fills in the times.
func (f *Front) check(c caller, s *submission, now time.Time) error {
	m := &s.message
	if err := c.account.Admit(m); err != nil {
		f.log.Debug("a message is refused", "account", c.account.ID, "error", err)
		return err
	}
	priority := uint8(4)
	switch {
	case c.version < pdu.V34:
		priority = 1
		m.ESMClass = 0 // unused in submissions of v3.3
	case c.version < pdu.V50:
		priority = 3
	}
	switch {
	case !printable(m.Source):
		return pdu.StatusInvalidSource
	case m.Priority > priority:
		return pdu.StatusInvalidPriorityFlag
	case s.replace > 1:
		return pdu.StatusInvalidReplaceFlag
	case s.canned != 0: // no canned messages are configured
		return pdu.StatusInvalidDefaultMessageID
	case m.ESMClass.Mode() == pdu.ModeForward: // transaction mode
		return pdu.StatusInvalidESMClass
	}
	switch m.ESMClass.Type() {
	case pdu.TypeNormal, pdu.TypeDeliveryAcknowledgement, pdu.TypeUserAcknowledgement:
	default:
		return pdu.StatusInvalidESMClass // the message center's own, or reserved
	}
	if payload, ok := m.TLVs.Get(pdu.TLVMessagePayload.Tag()); ok && len(payload) > 0 {
		m.Text = nil // the payload wins
	}
	m.State, m.Submitted = pdu.StateEnroute, now
	return f.times(m, s.schedule, s.validity, now)
}

// times fills in when a message is due and expires.
func (f *Front) times(m *message.Message, schedule, validity pdu.Time, now time.Time) error {
	begin := now
	m.Due = time.Time{}
	if schedule != "" {
		due, err := schedule.At(now)
		if err != nil {
			return pdu.StatusInvalidScheduleTime
		}
		if due.After(now) { // what is past is due now
			m.Due, m.State, begin = due, pdu.StateScheduled, due
		}
	}
	switch ttl, ok := pdu.TLVQOSTimeToLive.Get(m.TLVs); {
	case ok:
		m.Expires = begin.Add(time.Duration(ttl) * time.Second)
	case validity != "":
		expires, err := validity.At(now)
		if err != nil {
			return pdu.StatusInvalidExpiry
		}
		m.Expires = expires
	default:
		m.Expires = begin.Add(f.cfg.Validity)
	}
	if !m.Expires.After(begin) {
		return pdu.StatusInvalidExpiry
	}
	if latest := begin.Add(f.cfg.MaxValidity); m.Expires.After(latest) {
		m.Expires = latest
	}
	return nil
}

// printable reports whether an address can be one: no control characters and no
// blanks, unless it is a name, which is in an alphabet of its own.
func printable(a pdu.Address) bool {
	if a.TON == pdu.TONAlphanumeric {
		return true
	}
	for i := range len(a.Addr) {
		if ch := a.Addr[i]; ch <= ' ' || ch == 0x7F {
			return false
		}
	}
	return true
}

func checkDest(a pdu.Address) error {
	if a.Addr == "" || !printable(a) {
		return pdu.StatusInvalidDest
	}
	return nil
}

// identify gives a message that is complete otherwise what the message center
// adds.
func (f *Front) identify(c caller, m *message.Message) {
	m.Account, m.Origin = c.binding.account.ID, c.binding.id
	m.Detach()
}

// accept commits the messages of one request, which get consecutive ids. The
// first has the message_id.
func (f *Front) accept(ctx context.Context, c caller, now time.Time, msgs ...*message.Message) (string, error) {
	id := f.cfg.Dispatcher.NextID(now, len(msgs))
	for i, m := range msgs {
		m.ID, m.Group = id+message.ID(i), id
	}
	if len(msgs) > 1 {
		msgs[0].Dests = len(msgs)
	}
	if c.version >= pdu.V34 {
		return msgs[0].MessageID(), statusOf(f.cfg.Dispatcher.Submit(ctx, msgs...), pdu.StatusSubmitFailed)
	}
	for range 1000 { // v3.3 has room for 8 digits, which may be taken
		alias := fmt.Sprintf("%08x", f.alias.Add(1))
		if _, err := f.cfg.Store.Lookup(ctx, store.IndexAlias, alias); err == nil {
			continue
		}
		msgs[0].Alias = alias
		err := f.cfg.Dispatcher.Submit(ctx, msgs...)
		if errors.Is(err, store.ErrExists) {
			continue
		}
		return alias, statusOf(err, pdu.StatusSubmitFailed)
	}
	return "", pdu.StatusQueueFull
}

func (f *Front) submitSM(ctx context.Context, c caller, p *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
	now := time.Now()
	s := submission{message: message.Message{
		ServiceType: p.ServiceType, Source: p.Source, Dest: p.Dest, ESMClass: p.ESMClass, ProtocolID: p.ProtocolID, Priority: p.PriorityFlag,
		RegisteredDelivery: p.RegisteredDelivery, DataCoding: p.DataCoding, Text: p.ShortMessage, TLVs: p.TLVs,
	}, schedule: p.ScheduleDeliveryTime, validity: p.ValidityPeriod, replace: p.ReplaceIfPresent, canned: p.DefaultMessageID}
	if err := f.check(c, &s, now); err != nil {
		return nil, err
	}
	if err := checkDest(p.Dest); err != nil {
		return nil, err
	}
	id, err := f.submitOne(ctx, c, &s, now)
	if err != nil {
		return nil, err
	}
	return &pdu.SubmitSMResp{MessageID: id}, nil
}

// submitOne accepts a message, or puts it in the place of one that waits.
func (f *Front) submitOne(ctx context.Context, c caller, s *submission, now time.Time) (string, error) {
	m := &s.message
	f.identify(c, m)
	if s.replace == 0 {
		return f.accept(ctx, c, now, m)
	}
	found, err := f.cfg.Dispatcher.Waiting(ctx, m.Account, m.Source, m.Dest)
	if err != nil {
		return "", err
	}
	for _, old := range found {
		if old.ServiceType != m.ServiceType || old.ID != old.Group || old.Dests > 1 {
			continue
		}
		err := f.cfg.Dispatcher.Replace(ctx, old.ID, func(n *message.Message) error {
			id, group, alias, format, attempts, state := n.ID, n.Group, n.Alias, n.IDFormat, n.Attempts, n.State
			*n = *m
			n.ID, n.Group, n.Alias, n.IDFormat, n.Attempts, n.State = id, group, alias, format, attempts, state
			return nil
		})
		if err == nil {
			return old.MessageID(), nil
		}
		if !errors.Is(err, dispatch.ErrAway) && !errors.Is(err, dispatch.ErrFinal) { // else it has just left: try the next
			return "", statusOf(err, pdu.StatusSubmitFailed)
		}
	}
	return f.accept(ctx, c, now, m)
}

func (f *Front) dataSM(ctx context.Context, c caller, p *pdu.DataSM) (*pdu.DataSMResp, error) {
	now := time.Now()
	if !p.TLVs.Has(pdu.TLVMessagePayload.Tag()) {
		return nil, pdu.StatusMissingTLV
	}
	s := submission{message: message.Message{
		ServiceType: p.ServiceType, Source: p.Source, Dest: p.Dest, ESMClass: p.ESMClass,
		RegisteredDelivery: p.RegisteredDelivery, DataCoding: p.DataCoding, TLVs: p.TLVs,
	}}
	if err := f.check(c, &s, now); err != nil {
		return nil, err
	}
	if err := checkDest(p.Dest); err != nil {
		return nil, err
	}
	id, err := f.submitOne(ctx, c, &s, now)
	if err != nil {
		return nil, err
	}
	return &pdu.DataSMResp{MessageID: id}, nil
}

func (f *Front) submitMulti(ctx context.Context, c caller, p *pdu.SubmitMulti) (*pdu.SubmitMultiResp, error) {
	now := time.Now()
	s := submission{message: message.Message{
		ServiceType: p.ServiceType, Source: p.Source, ESMClass: p.ESMClass, ProtocolID: p.ProtocolID, Priority: p.PriorityFlag,
		RegisteredDelivery: p.RegisteredDelivery, DataCoding: p.DataCoding, Text: p.ShortMessage, TLVs: p.TLVs,
	}, schedule: p.ScheduleDeliveryTime, validity: p.ValidityPeriod, replace: p.ReplaceIfPresent, canned: p.DefaultMessageID}
	if err := f.check(c, &s, now); err != nil {
		return nil, err
	}
	switch {
	case len(p.Dests) == 0:
		return nil, pdu.StatusInvalidNumberOfDests
	case s.replace != 0 && len(p.Dests) > 1:
		return nil, pdu.StatusInvalidSubmitWithReplace
	}
	f.identify(c, &s.message)
	resp := new(pdu.SubmitMultiResp)
	msgs := make([]*message.Message, 0, len(p.Dests))
	for i := range p.Dests {
		d := &p.Dests[i]
		if d.Flag == pdu.DestList || d.Flag == 0 && d.List != "" {
			// There are no distribution lists yet. The name has no place of its own.
			resp.Failed = append(resp.Failed, pdu.Unsuccessful{Address: pdu.Address{Addr: d.List}, Status: pdu.StatusCannotSubmitToDistributionList.For(c.version)})
			continue
		}
		var status pdu.Status
		if errors.As(checkDest(d.Address), &status) {
			resp.Failed = append(resp.Failed, pdu.Unsuccessful{Address: d.Address, Status: status})
			continue
		}
		m := s.message // the content is shared
		m.Dest = c.account.DestOf(d.Address)
		m.Dest.Addr = strings.Clone(m.Dest.Addr)
		msgs = append(msgs, &m)
	}
	if len(msgs) == 0 {
		return resp, pdu.StatusSubmitFailed
	}
	var err error
	if s.replace != 0 {
		s.message.Dest = msgs[0].Dest
		resp.MessageID, err = f.submitOne(ctx, c, &s, now)
	} else {
		resp.MessageID, err = f.accept(ctx, c, now, msgs...)
	}
	if err != nil {
		return nil, err
	}
	return resp, nil
}

// withPayload returns a list with another message_payload, or none.
func withPayload(l tlv.List, payload []byte) tlv.List {
	l = slices.DeleteFunc(slices.Clone(l), func(o tlv.Option) bool { return o.Tag == pdu.TLVMessagePayload.Tag() })
	if payload != nil {
		pdu.TLVMessagePayload.Set(&l, payload)
	}
	return l
}
