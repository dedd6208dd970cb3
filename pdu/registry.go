package pdu

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/godwit-sms/smpp/tlv"
)

// A Registry knows commands and TLVs: what to decode a command_id to, and the
// names and forms of TLVs. Standard is the one of SMPP; Clone it to add what a
// vendor has. Once in use, a registry must not be changed any more; then it may
// be used concurrently.
type Registry struct {
	requests  [denseIDs]*command // by command_id, for ids that SMPP assigns
	responses [denseIDs]*command
	others    map[CommandID]*command
	tlvs      map[tlv.Tag]*tlv.Definition
	frozen    bool
}

const denseIDs = 0x200

type command struct {
	id     CommandID
	name   string
	new    func() Body
	notice bool // a request without a response
	bare   bool // no mandatory fields: a header alone is the whole PDU

	since            Version // of a standard command
	rules33, rules34 []compiledRule
}

var standard = sync.OnceValue(func() *Registry {
	r := &Registry{others: map[CommandID]*command{}, tlvs: map[tlv.Tag]*tlv.Definition{}}
	add := func(name string, id CommandID, fresh func() Body) {
		r.set(&command{id: id, name: name, new: fresh, since: since(id), notice: id == IDOutbind || id == IDAlertNotification, bare: isBare(fresh())})
	}
	for _, fresh := range []func() Body{
		func() Body { return new(GenericNack) },
		func() Body { return new(BindReceiver) }, func() Body { return new(BindReceiverResp) },
		func() Body { return new(BindTransmitter) }, func() Body { return new(BindTransmitterResp) },
		func() Body { return new(BindTransceiver) }, func() Body { return new(BindTransceiverResp) },
		func() Body { return new(Outbind) },
		func() Body { return new(Unbind) }, func() Body { return new(UnbindResp) },
		func() Body { return new(EnquireLink) }, func() Body { return new(EnquireLinkResp) },
		func() Body { return new(AlertNotification) },
		func() Body { return new(SubmitSM) }, func() Body { return new(SubmitSMResp) },
		func() Body { return new(SubmitMulti) }, func() Body { return new(SubmitMultiResp) },
		func() Body { return new(DeliverSM) }, func() Body { return new(DeliverSMResp) },
		func() Body { return new(DataSM) }, func() Body { return new(DataSMResp) },
		func() Body { return new(QuerySM) }, func() Body { return new(QuerySMResp) },
		func() Body { return new(CancelSM) }, func() Body { return new(CancelSMResp) },
		func() Body { return new(ReplaceSM) }, func() Body { return new(ReplaceSMResp) },
		func() Body { return new(BroadcastSM) }, func() Body { return new(BroadcastSMResp) },
		func() Body { return new(QueryBroadcastSM) }, func() Body { return new(QueryBroadcastSMResp) },
		func() Body { return new(CancelBroadcastSM) }, func() Body { return new(CancelBroadcastSMResp) },
	} {
		id := fresh().Command()
		add(id.String(), id, fresh)
	}
	for _, d := range standardTLVs() {
		r.tlvs[d.Tag] = d
	}
	r.compileRules()
	r.frozen = true
	return r
})

// Standard returns the registry of all commands and TLVs of SMPP v3.4 and v5.0.
// It is shared and cannot be changed.
func Standard() *Registry { return standard() }

// Clone returns a copy that can be changed.
func (r *Registry) Clone() *Registry {
	c := *r
	c.others, c.tlvs, c.frozen = maps.Clone(r.others), maps.Clone(r.tlvs), false
	return &c
}

func (r *Registry) command(id CommandID) *command {
	if n := id.Request(); n < denseIDs {
		if id.IsResponse() {
			return r.responses[n]
		}
		return r.requests[n]
	}
	return r.others[id]
}

func (r *Registry) set(c *command) {
	switch n := c.id.Request(); {
	case n >= denseIDs:
		r.others[c.id] = c
	case c.id.IsResponse():
		r.responses[n] = c
	default:
		r.requests[n] = c
	}
}

func (r *Registry) register(c *command) {
	if r.frozen {
		panic("pdu: the standard registry cannot be changed; Clone it")
	}
	if old := r.command(c.id); old != nil {
		panic(fmt.Sprintf("pdu: command 0x%08X is %s already", uint32(c.id), old.name))
	}
	if id, ok := r.Lookup(c.name); ok {
		panic(fmt.Sprintf("pdu: %s is the name of command 0x%08X already", c.name, uint32(id)))
	}
	c.bare = isBare(c.new())
	r.set(c)
}

// Register adds a request and its response under name and name_resp. The
// response has the id of the request with bit 31 set. An id or a name that is
// registered already, or an id with bit 31 set, is a mistake of the program and
// panics.
func Register[Req, Resp any, PReq interface {
	*Req
	Request[PResp]
}, PResp interface {
	*Resp
	Body
}](r *Registry, name string) {
	id, resp := PReq(new(Req)).Command(), PResp(new(Resp)).Command()
	if id.IsResponse() || resp != id.Response() {
		panic(fmt.Sprintf("pdu: %s has command_id 0x%08X and its response 0x%08X: bit 31 must be the difference", name, uint32(id), uint32(resp)))
	}
	r.register(&command{id: id, name: name, new: func() Body { return PReq(new(Req)) }})
	r.register(&command{id: resp, name: name + "_resp", new: func() Body { return PResp(new(Resp)) }})
}

// RegisterNotice adds a PDU that has no response, as alert_notification and
// outbind are. It panics as Register does.
func RegisterNotice[Notice any, P interface {
	*Notice
	Body
}](r *Registry, name string) {
	id := P(new(Notice)).Command()
	if id.IsResponse() {
		panic(fmt.Sprintf("pdu: %s has command_id 0x%08X: bit 31 is for responses", name, uint32(id)))
	}
	r.register(&command{id: id, name: name, new: func() Body { return P(new(Notice)) }, notice: true})
}

// DefineTLV makes the name and the form of a TLV known, so that it is checked
// when it comes in and shown by name. It replaces an earlier definition of the
// tag.
func (r *Registry) DefineTLV(d tlv.Definer) {
	if r.frozen {
		panic("pdu: the standard registry cannot be changed; Clone it")
	}
	def := d.Definition()
	r.tlvs[def.Tag] = def
}

// New returns an empty body for a command, or false for one that the registry
// does not know.
func (r *Registry) New(id CommandID) (Body, bool) {
	c := r.command(id)
	if c == nil {
		return nil, false
	}
	return c.new(), true
}

// Known reports whether the registry has the command.
func (r *Registry) Known(id CommandID) bool { return r.command(id) != nil }

// Name returns the name of a command, or "" if neither the registry nor any
// version of SMPP knows it.
func (r *Registry) Name(id CommandID) string {
	if c := r.command(id); c != nil {
		return c.name
	}
	return id.name()
}

// Notice reports whether the command is a request that has no response.
func (r *Registry) Notice(id CommandID) bool {
	c := r.command(id)
	return c != nil && c.notice
}

// Lookup returns the command with the given name.
func (r *Registry) Lookup(name string) (CommandID, bool) {
	for _, id := range r.Commands() {
		if r.command(id).name == name {
			return id, true
		}
	}
	return 0, false
}

// Commands returns the ids of all commands, in order.
func (r *Registry) Commands() []CommandID {
	var ids []CommandID
	for i := range denseIDs {
		if c := r.requests[i]; c != nil {
			ids = append(ids, c.id)
		}
		if c := r.responses[i]; c != nil {
			ids = append(ids, c.id)
		}
	}
	ids = slices.AppendSeq(ids, maps.Keys(r.others))
	slices.Sort(ids)
	return ids
}

// TLV returns the definition of a tag, or nil.
func (r *Registry) TLV(tag tlv.Tag) *tlv.Definition { return r.tlvs[tag] }

// TLVName returns the name of a tag, or "".
func (r *Registry) TLVName(tag tlv.Tag) string {
	if d := r.tlvs[tag]; d != nil {
		return d.Name
	}
	return ""
}

// TLVs returns the definitions of all tags, in order.
func (r *Registry) TLVs() []*tlv.Definition {
	return slices.SortedFunc(maps.Values(r.tlvs), func(a, b *tlv.Definition) int { return int(a.Tag) - int(b.Tag) })
}
