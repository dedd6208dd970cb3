package front

import (
	"context"
	"slices"
	"time"

	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/tlv"
)

// maxAreas is how many areas a broadcast may be for.
const maxAreas = 255

// broadcastSM takes a broadcast, which goes out to all who receive for one of its
// areas: at its time, as often as broadcast_rep_num says, with the pause of
// broadcast_frequency_interval, until its validity ends. It is EXPIRED then.
// SMPP v5.0, section 4.4.1.
func (f *Front) broadcastSM(ctx context.Context, c caller, p *pdu.BroadcastSM) (*pdu.BroadcastSMResp, error) {
	if c.version < pdu.V50 {
		return nil, pdu.StatusInvalidCommandID
	}
	now := time.Now()
	m := &message.Message{
		Kind: message.Broadcast, ServiceType: p.ServiceType, Source: p.Source, Priority: p.PriorityFlag, DataCoding: p.DataCoding, TLVs: p.TLVs,
		State: pdu.StateEnroute, Submitted: now,
	}
	if err := c.account.Admit(m); err != nil {
		f.log.Debug("a broadcast is refused", "account", c.account.ID, "error", err)
		return nil, err
	}
	switch {
	case !f.knowsService(p.ServiceType):
		return nil, pdu.StatusInvalidServiceType
	case p.PriorityFlag > 4:
		return nil, pdu.StatusInvalidPriorityFlag
	case p.ReplaceIfPresent > 1:
		return nil, pdu.StatusInvalidReplaceFlag
	case p.ReplaceIfPresent == 0 && p.MessageID != "":
		return nil, pdu.StatusInvalidMessageID // it is for replacement only
	}
	if err := checkSource(m.Source); err != nil {
		return nil, err
	}
	if err := f.canned(m, p.DefaultMessageID); err != nil {
		return nil, err
	}
	refused, err := f.checkBroadcast(m, p)
	if err != nil {
		return nil, err
	}
	if err := f.broadcastTimes(m, p, now); err != nil {
		return nil, err
	}
	resp := &pdu.BroadcastSMResp{TLVs: refused}
	if len(m.Areas) == 0 {
		return resp, pdu.StatusBroadcastFailed
	}
	f.identify(c, m)
	if p.ReplaceIfPresent == 1 {
		resp.MessageID, err = f.replaceBroadcast(ctx, c, p, m)
	} else {
		m.ID = f.cfg.Dispatcher.NextID(now, 1)
		m.Group = m.ID
		resp.MessageID = m.MessageID()
		err = statusOf(f.cfg.Dispatcher.Submit(ctx, m), pdu.StatusBroadcastFailed)
	}
	if err != nil {
		return nil, err
	}
	if ref, ok := pdu.TLVUserMessageReference.Get(p.TLVs); ok {
		f.references.set(ctx, reference{m.Account, m.Source, ref}, m.ID)
	}
	return resp, nil
}

// checkBroadcast looks at the TLVs of a broadcast and fills in its areas. It
// returns those that are refused, as the response tells of them.
func (f *Front) checkBroadcast(m *message.Message, p *pdu.BroadcastSM) (refused tlv.List, err error) {
	has := func(tag tlv.Tag) bool { return p.TLVs.Has(tag) }
	immediate := p.PriorityFlag == 1 // broadcast_rep_num is ignored
	if immediate {
		m.TLVs = m.TLVs.Clone()
		pdu.TLVBroadcastRepNum.Delete(&m.TLVs)
		if p.ValidityPeriod == "" {
			pdu.TLVBroadcastRepNum.Set(&m.TLVs, 1)
		}
	}
	content, contentOK := pdu.TLVBroadcastContentType.Get(p.TLVs)
	frequency, frequencyOK := pdu.TLVBroadcastFrequency.Get(p.TLVs)
	_, repOK := pdu.TLVBroadcastRepNum.Get(p.TLVs)
	class, classOK := pdu.TLVBroadcastMessageClass.Get(p.TLVs)
	channel, channelOK := pdu.TLVBroadcastChannelIndicator.Get(p.TLVs)
	_, groupOK := pdu.TLVBroadcastServiceGroup.Get(p.TLVs)
	_, unitOK := units[frequency.Unit]
	switch {
	case !has(pdu.TLVBroadcastAreaIdentifier.Tag()), !has(pdu.TLVBroadcastContentType.Tag()), !has(pdu.TLVBroadcastFrequency.Tag()),
		!immediate && !has(pdu.TLVBroadcastRepNum.Tag()),
		len(m.Text) == 0 && !has(pdu.TLVMessagePayload.Tag()):
		return nil, pdu.StatusMissingTLV
	case !contentOK, content.Network > pdu.BroadcastCDMA:
		return nil, pdu.StatusInvalidBroadcastContentType
	case !frequencyOK, !unitOK, frequency.Unit != pdu.EveryChance && frequency.Count == 0:
		return nil, pdu.StatusInvalidBroadcastFrequencyInterval
	case !immediate && !repOK:
		return nil, pdu.StatusInvalidBroadcastRepeat
	case has(pdu.TLVBroadcastMessageClass.Tag()) && (!classOK || class > 3):
		return nil, pdu.StatusInvalidBroadcastMessageClass
	case has(pdu.TLVBroadcastChannelIndicator.Tag()) && (!channelOK || channel > 1):
		return nil, pdu.StatusInvalidBroadcastChannel
	case has(pdu.TLVBroadcastServiceGroup.Tag()) && !groupOK:
		return nil, pdu.StatusInvalidBroadcastServiceGroup
	}
	n := 0
	for id := range p.TLVs.All(pdu.TLVBroadcastAreaIdentifier.Tag()) {
		if n++; n > maxAreas {
			return nil, pdu.StatusInvalidNumberOfBroadcastAreas
		}
		if status := f.checkArea(id); status != pdu.StatusOK {
			refused.Add(pdu.TLVBroadcastAreaIdentifier.Tag(), id)
			pdu.TLVBroadcastErrorStatus.Add(&refused, status)
			continue
		}
		m.Areas = append(m.Areas, message.Area{ID: string(id)})
	}
	m.TLVs = m.TLVs.Clone()
	pdu.TLVBroadcastAreaIdentifier.Delete(&m.TLVs) // m.Areas has them
	return refused, nil
}

// checkArea returns the status of an area that cannot be broadcast to.
func (f *Front) checkArea(id []byte) pdu.Status {
	areas := f.set().Areas
	switch {
	case len(id) == 0 || len(id) > 101 || id[0] > byte(pdu.AreaPolygon):
		return pdu.StatusInvalidBroadcastAreaFormat
	case len(id) == 1:
		return pdu.StatusInvalidBroadcastAliasName
	case len(areas) == 0 || slices.Contains(areas, areaName(string(id))):
		return pdu.StatusOK
	case id[0] == byte(pdu.AreaAlias):
		return pdu.StatusInvalidBroadcastAliasName
	}
	return pdu.StatusInvalidBroadcastAreaFormat
}

// broadcastTimes fills in when a broadcast goes out first and how long it may.
func (f *Front) broadcastTimes(m *message.Message, p *pdu.BroadcastSM, now time.Time) error {
	if err := f.times(m, p.ScheduleDeliveryTime, p.ValidityPeriod, now); err != nil {
		return err
	}
	if rep, ok := pdu.TLVBroadcastRepNum.Get(m.TLVs); ok && rep > 0 && p.ValidityPeriod == "" {
		begin := now
		if !m.Due.IsZero() {
			begin = m.Due
		}
		every := intervalOf(m.TLVs)
		longest := f.set().MaxValidity
		m.Expires = begin.Add(longest)
		if time.Duration(rep) < longest/every {
			m.Expires = begin.Add(time.Duration(rep) * every)
		}
	}
	return nil
}

// replaceBroadcast puts a broadcast in the place of one that waits; its
// repetitions begin anew.
func (f *Front) replaceBroadcast(ctx context.Context, c caller, p *pdu.BroadcastSM, m *message.Message) (string, error) {
	old, err := f.findBroadcast(ctx, c, p.MessageID, p.Source, p.TLVs)
	if err != nil {
		return "", err
	}
	err = f.cfg.Dispatcher.Replace(ctx, old.ID, func(n *message.Message) error {
		id, group, state := n.ID, n.Group, n.State
		*n = *m
		n.ID, n.Group, n.State = id, group, state
		return nil
	})
	m.ID = old.ID
	return old.MessageID(), statusOf(err, pdu.StatusBroadcastFailed)
}

// findBroadcast returns the broadcast that a message_id means or, without one,
// the last with a user_message_reference.
func (f *Front) findBroadcast(ctx context.Context, c caller, text string, source pdu.Address, tlvs tlv.List) (*message.Message, error) {
	source = c.account.SourceOf(source)
	id, ok := message.ParseID(text)
	if text == "" {
		ref, given := pdu.TLVUserMessageReference.Get(tlvs)
		if !given {
			return nil, pdu.StatusInvalidMessageID
		}
		var err error
		if id, ok, err = f.references.get(ctx, reference{c.account.ID, source, ref}); err != nil {
			return nil, statusOf(err, pdu.StatusSystemError)
		}
		if !ok {
			id, ok = f.liveReference(ctx, c, source, ref)
		}
	}
	if !ok {
		return nil, pdu.StatusInvalidMessageID
	}
	m, err := f.cfg.Store.Get(ctx, id)
	switch {
	case err != nil:
		return nil, statusOf(err, pdu.StatusInvalidMessageID)
	case m.Account != c.account.ID || m.Kind != message.Broadcast:
		return nil, pdu.StatusInvalidMessageID
	case !message.SameAddress(source, m.Source):
		return nil, pdu.StatusInvalidSource
	}
	return m, nil
}

// liveReference looks for a reference that was given before a restart.
func (f *Front) liveReference(ctx context.Context, c caller, source pdu.Address, ref uint16) (found message.ID, ok bool) {
	for _, m := range f.liveBroadcasts(ctx, c, source) {
		if got, has := pdu.TLVUserMessageReference.Get(m.TLVs); has && got == ref && m.ID > found {
			found, ok = m.ID, true
		}
	}
	return found, ok
}

// liveBroadcasts returns the broadcasts of an account from a source that are not
// over.
func (f *Front) liveBroadcasts(ctx context.Context, c caller, source pdu.Address) (found []*message.Message) {
	for _, id := range f.cfg.Dispatcher.Broadcasts() {
		m, err := f.cfg.Store.Get(ctx, id)
		if err == nil && m.Account == c.account.ID && !m.State.Final() && message.SameAddress(source, m.Source) {
			found = append(found, m)
		}
	}
	return found
}

// queryBroadcastSM tells how far a broadcast has come in each of its areas. SMPP
// v5.0, section 4.6.1.
func (f *Front) queryBroadcastSM(ctx context.Context, c caller, p *pdu.QueryBroadcastSM) (*pdu.QueryBroadcastSMResp, error) {
	if c.version < pdu.V50 {
		return nil, pdu.StatusInvalidCommandID
	}
	m, err := f.findBroadcast(ctx, c, p.MessageID, p.Source, p.TLVs)
	if err != nil {
		return nil, err
	}
	resp := &pdu.QueryBroadcastSMResp{MessageID: m.MessageID(), TLVs: tlv.List{pdu.TLVMessageState.Option(m.State)}}
	for i := range m.Areas {
		resp.TLVs.Add(pdu.TLVBroadcastAreaIdentifier.Tag(), []byte(m.Areas[i].ID))
		pdu.TLVBroadcastAreaSuccess.Add(&resp.TLVs, m.Areas[i].Success())
	}
	if m.State.Final() {
		if end, err := pdu.AbsoluteTime(m.Final); err == nil {
			pdu.TLVBroadcastEndTime.Set(&resp.TLVs, end)
		}
	}
	if ref, ok := pdu.TLVUserMessageReference.Get(p.TLVs); ok && p.MessageID == "" {
		pdu.TLVUserMessageReference.Set(&resp.TLVs, ref)
	}
	return resp, nil
}

// cancelBroadcastSM ends a broadcast; without a message_id and a reference all of
// the source, the service_type and the content type that it gives. SMPP v5.0,
// section 4.6.2.
func (f *Front) cancelBroadcastSM(ctx context.Context, c caller, p *pdu.CancelBroadcastSM) (*pdu.CancelBroadcastSMResp, error) {
	if c.version < pdu.V50 {
		return nil, pdu.StatusInvalidCommandID
	}
	var found []*message.Message
	if p.MessageID != "" || p.TLVs.Has(pdu.TLVUserMessageReference.Tag()) {
		m, err := f.findBroadcast(ctx, c, p.MessageID, p.Source, p.TLVs)
		if err != nil {
			return nil, err
		}
		found = append(found, m)
	} else {
		content, narrowed := pdu.TLVBroadcastContentType.Get(p.TLVs)
		for _, m := range f.liveBroadcasts(ctx, c, c.account.SourceOf(p.Source)) {
			got, _ := pdu.TLVBroadcastContentType.Get(m.TLVs)
			if (p.ServiceType == "" || p.ServiceType == m.ServiceType) && (!narrowed || got == content) {
				found = append(found, m)
			}
		}
	}
	ids := make([]message.ID, len(found))
	for i, m := range found {
		ids[i] = m.ID
	}
	cancelled, err := f.cancelBroadcasts(ctx, ids)
	switch {
	case err != nil:
		return nil, statusOf(err, pdu.StatusBroadcastCancelFailed)
	case cancelled == 0:
		return nil, pdu.StatusBroadcastCancelFailed
	}
	return nil, nil
}

// cancelBroadcasts cancels broadcasts, and returns how many they were. Those of
// which a repetition is on its way, as the first is right after broadcast_sm, are
// cancelled when it is over, if that is soon.
func (f *Front) cancelBroadcasts(ctx context.Context, ids []message.ID) (cancelled int, err error) {
	const pause = 20 * time.Millisecond
	for left := 100; ; left-- {
		n, err := f.cfg.Dispatcher.CancelAll(ctx, ids)
		if cancelled += n; err != nil {
			return cancelled, err
		}
		ids = slices.DeleteFunc(ids, func(id message.ID) bool {
			m, err := f.cfg.Store.Get(ctx, id)
			return err != nil || m.Ended()
		})
		if len(ids) == 0 || left == 0 {
			return cancelled, nil
		}
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return cancelled, ctx.Err()
		}
	}
}
