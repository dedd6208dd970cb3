package front

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/godwit-sms/smpp/center/account"
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
	command            pdu.CommandID
}

// waits reports whether the request can be answered when the message is
// delivered: submit_sm in v5.0, data_sm in every version.
func (s *submission) waits(v pdu.Version) bool {
	return s.command == pdu.IDDataSM || s.command == pdu.IDSubmitSM && v >= pdu.V50
}

// check looks at all but the destination, changes what the account has changed,
// and fills in the times.
func (f *Front) check(c caller, s *submission, now time.Time) error {
	m := &s.message
	if err := c.account.Admit(m); err != nil {
		f.log.Debug("a message is refused", "account", c.account.ID, "error", err)
		return err
	}
	if f.cfg.Admit != nil {
		if err := f.cfg.Admit(m); err != nil {
			return err
		}
	}
	priority := uint8(4)
	switch {
	case c.version < pdu.V34:
		priority = 1
		m.ESMClass = 0 // unused in submissions of v3.3
	case c.version < pdu.V50:
		priority = 3
	}
	if !f.knowsService(m.ServiceType) {
		return pdu.StatusInvalidServiceType
	}
	if err := checkSource(m.Source); err != nil {
		return err
	}
	switch mode := m.ESMClass.Mode(); {
	case m.Priority > priority:
		return pdu.StatusInvalidPriorityFlag
	case !registered(m.RegisteredDelivery, c.version):
		return pdu.StatusInvalidRegisteredDelivery
	case s.replace > 1:
		return pdu.StatusInvalidReplaceFlag
	case mode == pdu.ModeForward && !s.waits(c.version):
		return pdu.StatusInvalidESMClass
	case m.Volatile() && s.schedule != "": // what is not stored cannot wait
		return pdu.StatusInvalidScheduleTime
	case m.Volatile() && s.replace != 0:
		return pdu.StatusInvalidSubmitWithReplace
	}
	switch m.ESMClass.Type() {
	case pdu.TypeNormal, pdu.TypeDeliveryAcknowledgement, pdu.TypeUserAcknowledgement:
	default:
		return pdu.StatusInvalidESMClass // the message center's own, or reserved
	}
	if err := f.canned(m, s.canned); err != nil {
		return err
	}
	m.TLVs = without(m.TLVs, ofCenter)
	switch payload, ok := m.TLVs.Get(pdu.TLVMessagePayload.Tag()); {
	case ok && len(payload) > 0:
		m.Text = nil // the payload wins
	case ok && len(m.Text) > 0: // unless there is nothing in it
		m.TLVs = withPayload(m.TLVs, nil)
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
	m.Expires = begin.Add(f.set().Validity)
	if validity != "" {
		expires, err := validity.At(now)
		if err != nil {
			return pdu.StatusInvalidExpiry
		}
		m.Expires = expires
	}
	if ttl, ok := pdu.TLVQOSTimeToLive.Get(m.TLVs); ok { // it wins
		m.Expires = begin.Add(time.Duration(ttl) * time.Second)
	}
	if !m.Expires.After(begin) {
		return pdu.StatusInvalidExpiry
	}
	if latest := begin.Add(f.set().MaxValidity); m.Expires.After(latest) {
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
	switch {
	case a.TON > pdu.TONAbbreviated:
		return pdu.StatusInvalidDestTON
	case !knownNPI(a.NPI):
		return pdu.StatusInvalidDestNPI
	case a.Addr == "" || !printable(a):
		return pdu.StatusInvalidDest
	}
	return nil
}

func checkSource(a pdu.Address) error {
	switch {
	case a.TON > pdu.TONAbbreviated:
		return pdu.StatusInvalidSourceTON
	case !knownNPI(a.NPI):
		return pdu.StatusInvalidSourceNPI
	case !printable(a):
		return pdu.StatusInvalidSource
	}
	return nil
}

// knownNPI reports whether a numbering plan is not reserved. SMPP v5.0, section
// 4.7.2.
func knownNPI(n pdu.NPI) bool {
	switch n {
	case pdu.NPIUnknown, pdu.NPIISDN, pdu.NPIData, pdu.NPITelex, pdu.NPILandMobile, pdu.NPINational, pdu.NPIPrivate, pdu.NPIERMES, pdu.NPIInternet, pdu.NPIWAPClient:
		return true
	}
	return false
}

// registered reports whether a peer of version v may ask for these receipts.
// SMPP v5.0, section 4.7.21.
func registered(r pdu.RegisteredDelivery, v pdu.Version) bool {
	switch {
	case r&^(pdu.ReceiptMask|pdu.DeliveryAck|pdu.UserAck|pdu.IntermediateNotification) != 0:
		return false
	case v < pdu.V34:
		return r <= pdu.FinalReceipt
	case v < pdu.V50:
		return r.Receipt() != pdu.SuccessReceipt
	}
	return true
}

// knowsService reports whether messages of a service type are taken.
func (f *Front) knowsService(service string) bool {
	types := f.set().ServiceTypes
	return service == "" || len(types) == 0 || slices.Contains(types, service)
}

// canned gives a message the canned text that is asked for, in the place of what
// it has. SMPP v5.0, section 4.7.27.
func (f *Front) canned(m *message.Message, id uint8) error {
	if id == 0 {
		return nil
	}
	text, ok := f.set().Texts[id]
	if !ok {
		return pdu.StatusInvalidDefaultMessageID
	}
	m.Text, m.DataCoding, m.TLVs = text.Octets, text.DataCoding, withPayload(m.TLVs, nil)
	m.ESMClass &^= pdu.UDHI
	return nil
}

// identify gives a message that is complete otherwise what the message center
// adds.
func (f *Front) identify(c caller, m *message.Message) {
	m.Account, m.Origin = c.binding.account.ID, c.binding.id
	m.Detach()
}

// accept commits the messages of one request, which get consecutive ids, or has
// the caller do so later. The first has the message_id.
func (f *Front) accept(ctx context.Context, c caller, now time.Time, msgs ...*message.Message) (string, error) {
	id := f.cfg.Dispatcher.NextID(now, len(msgs))
	for i, m := range msgs {
		m.ID, m.Group = id+message.ID(i), id
	}
	if len(msgs) > 1 {
		msgs[0].Dests = len(msgs)
	}
	alias := func() {
		text := fmt.Sprintf("%08x", f.alias.Add(1))
		for _, m := range msgs {
			m.Alias = text
		}
	}
	old := c.version < pdu.V34 // v3.3 has room for 8 digits, which may be taken
	if c.later != nil {
		if old {
			alias()
		}
		*c.later = msgs
		return msgs[0].MessageID(), nil
	}
	for range 1000 {
		if old {
			if alias(); f.taken(ctx, msgs[0].Alias) {
				continue
			}
		}
		err := f.cfg.Dispatcher.Submit(ctx, msgs...)
		if old && errors.Is(err, store.ErrExists) {
			continue
		}
		return msgs[0].MessageID(), statusOf(err, pdu.StatusSubmitFailed)
	}
	return "", pdu.StatusQueueFull
}

// taken reports whether an alias is known to be.
func (f *Front) taken(ctx context.Context, alias string) bool {
	_, err := f.cfg.Store.Lookup(ctx, store.IndexAlias, alias)
	return err == nil
}

func (f *Front) submitSM(ctx context.Context, c caller, p *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
	now := time.Now()
	s := submission{message: message.Message{
		ServiceType: p.ServiceType, Source: p.Source, Dest: p.Dest, ESMClass: p.ESMClass, ProtocolID: p.ProtocolID, Priority: p.PriorityFlag,
		RegisteredDelivery: p.RegisteredDelivery, DataCoding: p.DataCoding, Text: p.ShortMessage, TLVs: p.TLVs,
	}, schedule: p.ScheduleDeliveryTime, validity: p.ValidityPeriod, replace: p.ReplaceIfPresent, canned: p.DefaultMessageID, command: p.Command()}
	if err := f.check(c, &s, now); err != nil {
		return nil, err
	}
	if err := checkDest(s.message.Dest); err != nil {
		return nil, err
	}
	id, tlvs, err := f.submitOne(ctx, c, &s, now)
	if err != nil && tlvs == nil {
		return nil, err
	}
	return &pdu.SubmitSMResp{MessageID: id, TLVs: tlvs}, err
}

// submitOne accepts a message, or puts it in the place of one that waits, or
// delivers it at once if it is not to be stored. The TLVs tell of a delivery that
// failed.
func (f *Front) submitOne(ctx context.Context, c caller, s *submission, now time.Time) (string, tlv.List, error) {
	m := &s.message
	f.identify(c, m)
	if m.Volatile() {
		return f.try(ctx, now, m)
	}
	if s.replace == 0 {
		id, err := f.accept(ctx, c, now, m)
		return id, nil, err
	}
	id, err := f.replaceOrAccept(ctx, c, m, now)
	return id, nil, err
}

// replaceOrAccept puts a message in the place of the oldest that waits with the
// same source, destination and service type, or accepts it if there is none.
func (f *Front) replaceOrAccept(ctx context.Context, c caller, m *message.Message, now time.Time) (string, error) {
	group := dispatch.Group{Account: m.Account, Source: m.Source, Dest: m.Dest, ServiceType: m.ServiceType}
	for old, err := range f.cfg.Dispatcher.Waiting(ctx, group) {
		if err != nil {
			return "", err
		}
		if old.ID != old.Group || old.Dests > 1 {
			continue
		}
		if c.version < pdu.V34 && old.Alias == "" {
			return "", pdu.StatusInvalidSubmitWithReplace // v3.3 has no room for its message_id
		}
		err = f.cfg.Dispatcher.Replace(ctx, old.ID, func(n *message.Message) error {
			id, group, alias, format, attempts, state, dest := n.ID, n.Group, n.Alias, n.IDFormat, n.Attempts, n.State, n.Dest
			*n = *m
			n.ID, n.Group, n.Alias, n.IDFormat, n.Attempts, n.State = id, group, alias, format, attempts, state
			n.Dest = dest // it queues up for that, which may say more of the type of the number
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
	}, command: p.Command()}
	if err := f.check(c, &s, now); err != nil {
		return nil, err
	}
	if err := checkDest(s.message.Dest); err != nil {
		return nil, err
	}
	id, tlvs, err := f.submitOne(ctx, c, &s, now)
	if err != nil && tlvs == nil {
		return nil, err
	}
	return &pdu.DataSMResp{MessageID: id, TLVs: tlvs}, err
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
	case s.replace != 0 && c.version < pdu.V50 && c.version >= pdu.V34:
		return nil, pdu.StatusInvalidReplaceFlag // reserved in v3.4
	}
	f.identify(c, &s.message)
	resp := new(pdu.SubmitMultiResp)
	dests := f.expand(c, p.Dests, resp)
	if len(dests) == 0 {
		return resp, pdu.StatusSubmitFailed
	}
	if s.replace != 0 && len(dests) > 1 {
		return nil, pdu.StatusInvalidSubmitWithReplace
	}
	msgs := make([]*message.Message, len(dests))
	for i, dest := range dests {
		m := s.message // the content is shared
		m.Dest = dest.address
		m.Dest.Addr = strings.Clone(m.Dest.Addr)
		msgs[i] = &m
	}
	if s.message.Volatile() {
		for i, m := range msgs {
			id, _, err := f.try(ctx, now, m)
			if err != nil && i == 0 {
				return nil, err
			}
			if i == 0 {
				resp.MessageID = id
			} else if err != nil {
				var status pdu.Status
				errors.As(err, &status)
				resp.Failed = append(resp.Failed, pdu.Unsuccessful{Address: dests[i].named, Status: status.For(c.version)})
			}
		}
		return resp, nil
	}
	var err error
	if s.replace != 0 {
		resp.MessageID, err = f.replaceOrAccept(ctx, c, msgs[0], now)
	} else {
		resp.MessageID, err = f.accept(ctx, c, now, msgs...)
	}
	if err != nil {
		return nil, err
	}
	return resp, nil
}

// maxFailed is how many destinations a submit_multi_resp has room for.
const maxFailed = 255

// A dest is a destination of a submit_multi.
type dest struct {
	named   pdu.Address // in the request, or in the list
	address pdu.Address // as the account has it changed
}

// expand returns the addresses of a submit_multi: those that it names, and the
// members of the lists that it names, unless they are there already. What is no
// address or no list is added to the response. SMPP v5.0, section 4.2.3.
func (f *Front) expand(c caller, named []pdu.Destination, resp *pdu.SubmitMultiResp) []dest {
	var dests []dest
	fail := func(a pdu.Address, status pdu.Status) {
		if len(resp.Failed) < maxFailed {
			resp.Failed = append(resp.Failed, pdu.Unsuccessful{Address: a, Status: status.For(c.version)})
		}
	}
	take := func(a pdu.Address) {
		d := dest{a, c.account.DestOf(a)}
		var status pdu.Status
		if errors.As(checkDest(d.address), &status) {
			fail(a, status)
			return
		}
		dests = append(dests, d)
	}
	isList := func(d *pdu.Destination) bool { return d.Flag == pdu.DestList || d.Flag == 0 && d.List != "" }
	var seen map[pdu.Address]bool // nil until there is a list
	for i := range named {
		if isList(&named[i]) {
			seen = make(map[pdu.Address]bool, len(named))
			for i := range named {
				seen[c.account.DestOf(named[i].Address)] = true
			}
			break
		}
	}
	for i := range named {
		d := &named[i]
		if !isList(d) {
			take(d.Address)
			continue
		}
		members := f.list(c.account, d.List)
		if members == nil { // the name has no place of its own
			fail(pdu.Address{Addr: d.List}, pdu.StatusInvalidDistributionList)
			continue
		}
		for _, a := range members {
			if to := c.account.DestOf(a); !seen[to] {
				seen[to] = true
				take(a)
			}
		}
	}
	return dests
}

// list returns the addresses of a distribution list, of which there are some: the
// account's own, or one of those for all. Nil: there is none.
func (f *Front) list(a *account.Account, name string) []pdu.Address {
	if members, ok := a.Delivery.Lists[name]; ok {
		return members
	}
	return f.set().Lists[name]
}

// ofCenter reports whether only a message center may send a TLV: one that makes a
// receipt of a message to many an ESME.
func ofCenter(o *tlv.Option) bool {
	switch o.Tag {
	case pdu.TLVReceiptedMessageID.Tag(), pdu.TLVMessageState.Tag(), pdu.TLVNetworkErrorCode.Tag(), pdu.TLVDPFResult.Tag():
		return true
	}
	return false
}

// without returns a list without the TLVs that drop reports, the list itself if
// there are none.
func without(l tlv.List, drop func(*tlv.Option) bool) tlv.List {
	for i := range l {
		if !drop(&l[i]) {
			continue
		}
		kept := append(make(tlv.List, 0, len(l)-1), l[:i]...)
		for j := i + 1; j < len(l); j++ {
			if !drop(&l[j]) {
				kept = append(kept, l[j])
			}
		}
		return kept
	}
	return l
}

// withPayload returns a list with another message_payload, or none.
func withPayload(l tlv.List, payload []byte) tlv.List {
	l = slices.DeleteFunc(slices.Clone(l), func(o tlv.Option) bool { return o.Tag == pdu.TLVMessagePayload.Tag() })
	if payload != nil {
		pdu.TLVMessagePayload.Set(&l, payload)
	}
	return l
}
