package pdu

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/godwit-sms/smpp/tlv"
)

// A rule is a limit that an older version puts on a field: the walk of a PDU
// describes what the widest version has, the rules what a peer of an older one
// may be sent. n is the value of an integer, or the length of a string, of
// octets or of a list; s is the string.
type rule struct {
	below    Version // the rule holds for versions before this one
	commands []CommandID
	field    string
	least    uint64
	most     uint64                        // a value from least to most is right
	or       func(n uint64, s string) bool // and any other that passes this; nil: none
	text     string
}

var (
	submissions = []CommandID{IDSubmitSM, IDSubmitMulti}
	texts       = []CommandID{IDSubmitSM, IDSubmitMulti, IDDeliverSM, IDReplaceSM}
	registered  = []CommandID{IDSubmitSM, IDSubmitMulti, IDDeliverSM, IDDataSM, IDReplaceSM}
	identified  = []CommandID{IDSubmitSMResp, IDSubmitMultiResp, IDDeliverSMResp, IDQuerySM, IDQuerySMResp, IDCancelSM, IDReplaceSM}
	notRelative = func(_ uint64, s string) bool { return !Time(s).IsRelative() }
	notSuccess  = func(n uint64, _ string) bool { return n&3 != 3 }
)

// rules is the table of SMPP v3.4, chapters 4 and 5, and v3.3, chapter 6.
var rules = []rule{
	{V50, []CommandID{IDSubmitSM, IDSubmitMulti, IDDeliverSM}, "priority_flag", 0, 3, nil, "0 to 3 before v5.0"},
	{V50, registered, "registered_delivery", 0, 2, notSuccess, "the wish for a receipt on success only is new in v5.0"},
	{V50, []CommandID{IDSubmitSM, IDSubmitMulti, IDReplaceSM}, "sm_default_msg_id", 0, 254, nil, "0 to 254 before v5.0"},
	{V50, texts, "short_message", 0, 254, nil, "at most 254 octets before v5.0; message_payload carries more"},
	{V50, []CommandID{IDSubmitMulti}, "number_of_dests", 0, 254, nil, "1 to 254 before v5.0"},
	{V50, []CommandID{IDSubmitMulti}, "replace_if_present_flag", 0, 0, nil, "reserved before v5.0"},
	{V50, []CommandID{IDDeliverSM}, "replace_if_present_flag", 0, 0, nil, "must be 0 before v5.0"},
	{V50, []CommandID{IDDeliverSM}, "sm_default_msg_id", 0, 0, nil, "must be 0 before v5.0"},
	{V50, []CommandID{IDDeliverSM}, "schedule_delivery_time", 0, 0, nil, "must be empty before v5.0"},
	{V50, []CommandID{IDDeliverSM}, "validity_period", 0, 0, nil, "must be empty before v5.0"},
	{V50, []CommandID{IDQuerySMResp}, "message_state", 1, 8, nil, "scheduled and skipped are new in v5.0"},

	{V34, []CommandID{IDSubmitSM, IDSubmitMulti, IDDeliverSM}, "priority_flag", 0, 1, nil, "0 or 1 in v3.3"},
	{V34, registered, "registered_delivery", 0, 1, nil, "0 or 1 in v3.3"},
	{V34, submissions, "esm_class", 0, 0, nil, "must be 0 in v3.3"},
	{V34, []CommandID{IDSubmitSM, IDSubmitMulti, IDReplaceSM}, "sm_default_msg_id", 0, 100, nil, "0 to 100 in v3.3"},
	{V34, texts, "short_message", 0, 160, nil, "at most 160 octets in v3.3"},
	{V34, []CommandID{IDSubmitSM, IDSubmitMulti, IDReplaceSM}, "schedule_delivery_time", 0, 0, notRelative, "v3.3 has absolute times only"},
	{V34, []CommandID{IDSubmitSM, IDSubmitMulti, IDReplaceSM}, "validity_period", 0, 0, notRelative, "v3.3 has absolute times only"},
	{V34, identified, "message_id", 0, 8, nil, "at most 8 octets in v3.3"},
	{V34, []CommandID{IDQuerySMResp}, "message_state", 1, 7, nil, "1 to 7 in v3.3"},
}

// since returns the version that introduced a command.
func since(id CommandID) Version {
	switch id.Request() {
	case IDBroadcastSM, IDQueryBroadcastSM, IDCancelBroadcastSM:
		return V50
	case IDBindTransceiver, IDOutbind, IDDataSM, IDAlertNotification:
		return V34
	}
	return V33
}

type compiledRule struct {
	ordinal int // of the field in the walk; -1 ends the list
	least   uint64
	span    uint64
	rule    *rule
}

// compileRules finds the place of each rule's field in the walk, so that
// encoding compares a number per field and no names.
func (r *Registry) compileRules() {
	for i := range rules {
		rl := &rules[i]
		for _, id := range rl.commands {
			cmd := r.command(id)
			at := slices.IndexFunc(walk(cmd.new()), func(f field) bool { return f.name == rl.field || f.length == rl.field })
			compiled := compiledRule{at, rl.least, rl.most - rl.least, rl}
			cmd.rules33 = append(cmd.rules33, compiled)
			if rl.below == V50 {
				cmd.rules34 = append(cmd.rules34, compiled)
			}
		}
	}
	for _, id := range r.Commands() {
		cmd := r.command(id)
		for _, rs := range []*[]compiledRule{&cmd.rules33, &cmd.rules34} {
			slices.SortStableFunc(*rs, func(a, b compiledRule) int { return a.ordinal - b.ordinal })
			*rs = append(*rs, compiledRule{ordinal: -1})
		}
	}
}

// startRules makes the rules of an older version apply to the walk that begins.
func (c *Codec) startRules() {
	id := c.header.Command
	cmd := c.reg.command(id)
	if cmd == nil || cmd.rules34 == nil {
		return
	}
	if c.version < cmd.since && !id.IsResponse() {
		c.refuse("command_id", "", fmt.Sprintf("%s is new in v%v, the session speaks v%v", cmd.name, cmd.since, c.version), StatusInvalidCommandID)
	}
	c.rules = cmd.rules34
	if c.version < V34 {
		c.rules = cmd.rules33
	}
	c.ruleAt, c.nextRule = 0, c.rules[0].ordinal
}

// applyRules checks the rules for the field at hand and moves on to the next.
func (c *Codec) applyRules(name string, n uint64, s string, status Status) {
	r := &c.rules[c.ruleAt]
	for ; r.ordinal == c.ordinal; r = &c.rules[c.ruleAt] {
		if n-r.least > r.span {
			c.breaks(r.rule, name, n, s, status)
		}
		c.ruleAt++
	}
	c.nextRule = r.ordinal
}

func (c *Codec) breaks(r *rule, name string, n uint64, s string, status Status) {
	if r.or != nil && r.or(n, s) {
		return
	}
	value := fmt.Sprint(n)
	switch {
	case name == "short_message":
		value = fmt.Sprintf("of %d octets", n)
	case s != "":
		value = strconv.Quote(s)
	}
	c.refuse(name, value, r.text, status)
}

// contentTLVs change what a message says or where it goes, so they cannot be
// left out for a peer that has no TLVs.
var contentTLVs = []tlv.Definer{TLVMessagePayload, TLVSARMsgRefNum, TLVSARTotalSegments, TLVSARSegmentSeqnum, TLVSourcePort, TLVDestPort}

func (c *Codec) encodeTLVs33(l tlv.List) {
	for i := range l {
		for _, d := range contentTLVs {
			if def := d.Definition(); def.Tag == l[i].Tag {
				c.refuse(def.Name, fmt.Sprintf("of %d octets", len(l[i].Value)), "v3.3 has no TLVs, and this one carries content", StatusTLVNotAllowed)
				return
			}
		}
	}
	c.dropped += len(l)
}

// checkTLVs34 refuses values that v5.0 added to TLVs of v3.4. TLVs that v5.0
// added as a whole do no harm: a peer skips them.
func (c *Codec) checkTLVs34(l tlv.List) {
	for i := range l {
		o := &l[i]
		var reason string
		switch o.Tag {
		case 0x0427: // message_state
			if len(o.Value) == 1 && (o.Value[0] == 0 || o.Value[0] == 9) {
				reason = "scheduled and skipped are new in v5.0"
			}
		case 0x0423: // network_error_code
			if len(o.Value) == 3 && o.Value[0] > 3 {
				reason = "network types above 3 are new in v5.0"
			}
		case 0x1204: // ms_validity
			if len(o.Value) > 1 {
				reason = "one octet before v5.0"
			}
		case 0x130C: // alert_on_message_delivery
			if len(o.Value) > 0 {
				reason = "no value before v5.0"
			}
		}
		if reason != "" {
			c.refuse(c.reg.TLVName(o.Tag), fmt.Sprintf("%x", o.Value), reason, StatusInvalidTLVValue)
			return
		}
	}
}

// required returns the TLVs of a body and the keys that must be among them.
func required(h Header, body Body) (tlv.List, []tlv.Definer) {
	switch b := body.(type) {
	case *BroadcastSM:
		keys := []tlv.Definer{TLVBroadcastAreaIdentifier, TLVBroadcastContentType, TLVBroadcastFrequency, TLVBroadcastRepNum}
		if b.PriorityFlag == 1 {
			keys = keys[:3] // an immediate broadcast is not repeated
		}
		return b.TLVs, keys
	case *QueryBroadcastSMResp:
		if h.Status == StatusOK {
			return b.TLVs, []tlv.Definer{TLVMessageState, TLVBroadcastAreaIdentifier, TLVBroadcastAreaSuccess}
		}
	}
	return nil, nil
}

// checkBody reports what a whole body lacks when it is encoded.
func (c *Codec) checkBody(body Body) error {
	if since(c.header.Command) != V50 {
		return nil
	}
	l, keys := required(c.header, body)
	for _, k := range keys {
		if d := k.Definition(); !l.Has(d.Tag) {
			return &EncodeError{Command: c.header.Command, Field: d.Name, Reason: "this TLV is required", Status: StatusMissingTLV}
		}
	}
	return nil
}

// checkDecoded reports what a whole body lacks after it was decoded.
func (c *Codec) checkDecoded(body Body) error {
	if c.lenient == Strict {
		if err := c.checkStrict(body); err != nil {
			return err
		}
	}
	if c.lenient == ReportOnly || since(c.header.Command) != V50 {
		return nil
	}
	l, keys := required(c.header, body)
	for _, k := range keys {
		if d := k.Definition(); !l.Has(d.Tag) {
			return &DecodeError{Command: c.header.Command, Field: d.Name, Offset: len(c.buf), Status: StatusMissingTLV, Reason: "this TLV is required"}
		}
	}
	return nil
}

func (c *Codec) checkStrict(body Body) error {
	var text []byte
	var l tlv.List
	switch b := body.(type) {
	case *SubmitSM:
		text, l = b.ShortMessage, b.TLVs
	case *SubmitMulti:
		text, l = b.ShortMessage, b.TLVs
	case *DeliverSM:
		text, l = b.ShortMessage, b.TLVs
	case *ReplaceSM:
		text, l = b.ShortMessage, b.TLVs
	}
	if len(text) > 0 && l.Has(TLVMessagePayload.Tag()) {
		return &DecodeError{Command: c.header.Command, Field: "short_message", Offset: HeaderLen, Status: StatusInvalidMessageLength,
			Reason: "a PDU has either a short_message or a message_payload"}
	}
	return nil
}
