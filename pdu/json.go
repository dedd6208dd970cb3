package pdu

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/godwit-sms/smpp/tlv"
)

// AppendJSON appends the JSON of the octets of a PDU, one object without a line
// break: command, command_id, command_status, sequence_number, body (the fields
// by the names of the specification) and tlvs. Octets are hexadecimal digits in
// lower case; strings hold octets above 0x7F as U+0080 to U+00FF. A body that
// is absent is null, that of an unknown command {"raw":"<hex>"}.
//
// Octets that are no well-formed PDU have error and raw instead of body and
// tlvs. A PDU that would not encode to the very same octets, such as one with
// padding, has raw besides. ParseJSON is the exact inverse: passwords are part
// of the JSON.
//
// text, when not nil, is asked for the text of a body, which becomes a last
// member that ParseJSON ignores.
func (r *Registry) AppendJSON(dst []byte, frame []byte, text func(Header, Body) (string, bool)) []byte {
	h, _, err := ParseHeader(frame)
	if err != nil {
		dst = append(dst, `{"command":null,"error":`...)
		dst = appendJSONValue(dst, map[string]any{"field": "command_length", "offset": 0, "status": StatusInvalidCommandLength, "reason": err.Error()})
		return append(appendHexMember(append(dst, ','), "raw", frame), '}')
	}
	c := NewCodec(r, V50)
	_, body, err := c.Decode(frame)
	name := r.Name(h.Command)
	if _, unknown := body.(*Unknown); unknown && name == "" {
		name = "unknown"
	}
	dst = fmt.Appendf(dst, `{"command":%s,"command_id":%d,"command_status":%d,"sequence_number":%d,`, appendJSONString(nil, name), uint32(h.Command), uint32(h.Status), h.Sequence)
	if err != nil {
		var e *DecodeError
		if !errors.As(err, &e) {
			e = &DecodeError{Field: "command_length", Status: StatusOf(err), Reason: err.Error()}
		}
		dst = append(dst, `"error":`...)
		dst = appendJSONValue(dst, map[string]any{"field": e.Field, "offset": e.Offset, "status": uint32(e.Status), "status_name": e.Status.String(), "reason": e.Reason})
		return append(appendHexMember(append(dst, ','), "raw", frame), '}')
	}
	if body == nil {
		dst = append(dst, `"body":null,"tlvs":[]`...)
	} else {
		w := &jsonWriter{dst: append(dst, `"body":{`...)}
		c.mode, c.slow, c.header = modeVisit, w, h
		body.Fields(c)
		dst = append(w.dst, `},"tlvs":[`...)
		for i, o := range w.options {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = r.appendTLV(dst, o)
		}
		dst = append(dst, ']')
	}
	if again, err := c.Append(nil, h, body); err != nil || !bytes.Equal(again, frame) {
		dst = appendHexMember(append(dst, ','), "raw", frame)
	}
	if text != nil && body != nil {
		if s, ok := text(h, body); ok {
			dst = appendJSONString(append(dst, `,"text":`...), s)
		}
	}
	return append(dst, '}')
}

func (r *Registry) appendTLV(dst []byte, o tlv.Option) []byte {
	dst = fmt.Appendf(dst, `{"tag":%d`, o.Tag)
	d := r.tlvs[o.Tag]
	if d != nil {
		dst = appendJSONString(append(dst, `,"name":`...), d.Name)
	}
	dst = appendHexMember(append(dst, ','), "value", o.Value)
	if d != nil && d.Kind != "octets" && d.Kind != "empty" {
		if v, err := d.Decode(o.Value); err == nil {
			dst = append(dst, `,"decoded":`...)
			if s, ok := v.(string); ok {
				dst = appendJSONString(dst, latin1ToUTF8(s))
			} else {
				dst = appendJSONValue(dst, v)
			}
		}
	}
	return append(dst, '}')
}

func appendJSONValue(dst []byte, v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return append(dst, "null"...)
	}
	return append(dst, b...)
}

func appendHexMember(dst []byte, name string, b []byte) []byte {
	dst = append(append(append(dst, '"'), name...), `":"`...)
	return append(hex.AppendEncode(dst, b), '"')
}

// appendJSONString writes s without escaping what HTML would want escaped.
func appendJSONString(dst []byte, s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return append(dst, `""`...)
	}
	return append(dst, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}

func latin1ToUTF8(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			var b strings.Builder
			for j := 0; j < len(s); j++ {
				b.WriteRune(rune(s[j]))
			}
			return b.String()
		}
	}
	return s
}

func utf8ToLatin1(s string) (string, error) {
	b := make([]byte, 0, len(s))
	for _, r := range s {
		if r > 0xFF {
			return "", fmt.Errorf("%q: a string of the wire has octets, U+0000 to U+00FF here", r)
		}
		b = append(b, byte(r))
	}
	return string(b), nil
}

type jsonWriter struct {
	dst     []byte
	options tlv.List
}

func (w *jsonWriter) name(name string) {
	if last := w.dst[len(w.dst)-1]; last != '{' && last != '[' {
		w.dst = append(w.dst, ',')
	}
	w.dst = append(append(append(w.dst, '"'), name...), `":`...)
}

func (w *jsonWriter) uint(f field, v uint64) uint64 {
	w.name(f.name)
	w.dst = strconv.AppendUint(w.dst, v, 10)
	return v
}

func (w *jsonWriter) str(f field, v string) string {
	w.name(f.name)
	w.dst = appendJSONString(w.dst, latin1ToUTF8(v))
	return v
}

func (w *jsonWriter) octets(f field, v []byte) []byte {
	if f.length != "" {
		w.name(f.length)
		w.dst = strconv.AppendInt(w.dst, int64(len(v)), 10)
	}
	w.name(f.name)
	w.dst = append(hex.AppendEncode(append(w.dst, '"'), v), '"')
	return v
}

func (w *jsonWriter) list(f field, n int) int {
	w.name(f.length)
	w.dst = strconv.AppendInt(w.dst, int64(n), 10)
	w.name(f.name)
	w.dst = append(w.dst, '[')
	return n
}

func (w *jsonWriter) element(i int) {
	if i > 0 {
		w.dst = append(w.dst, '}', ',')
	}
	w.dst = append(w.dst, '{')
}

func (w *jsonWriter) endList() {
	if w.dst[len(w.dst)-1] != '[' {
		w.dst = append(w.dst, '}')
	}
	w.dst = append(w.dst, ']')
}

func (w *jsonWriter) tlvs(_ *Codec, l tlv.List) tlv.List {
	w.options = l
	return l
}

// A JSONError tells which member of a PDU in JSON cannot be used.
type JSONError struct {
	Member string // path of the member, such as body.dest_address[1].dl_name
	Reason string
}

func (e *JSONError) Error() string { return e.Member + ": " + e.Reason }

type jsonPDU struct {
	Command  json.RawMessage `json:"command"`
	ID       *uint32         `json:"command_id"`
	Status   uint32          `json:"command_status"`
	Sequence uint32          `json:"sequence_number"`
	Body     json.RawMessage `json:"body"`
	TLVs     []struct {
		Tag   *uint16 `json:"tag"`
		Name  string  `json:"name"`
		Value *string `json:"value"`
	} `json:"tlvs"`
	Raw *string `json:"raw"`
}

// ParseJSON returns the octets of a PDU that AppendJSON wrote, or that was
// written by hand in the same form: fields that are left out are zero or empty,
// command may stand for command_id, name for tag, and lengths, counts, decoded
// and text are ignored. raw, when there, is what is returned. The error is a
// *JSONError, or an *EncodeError for a value that the PDU cannot hold.
func (r *Registry) ParseJSON(data []byte) ([]byte, error) {
	var p jsonPDU
	if err := json.Unmarshal(data, &p); err != nil {
		var t *json.UnmarshalTypeError
		if errors.As(err, &t) {
			if t.Field == "" {
				return nil, &JSONError{"PDU", "an object is required"}
			}
			return nil, &JSONError{t.Field, fmt.Sprintf("a %s does not fit there", t.Value)}
		}
		return nil, &JSONError{"PDU", strings.TrimPrefix(err.Error(), "json: ")}
	}
	if p.Raw != nil {
		b, err := hex.DecodeString(*p.Raw)
		if err != nil {
			return nil, &JSONError{"raw", err.Error()}
		}
		return b, nil
	}
	h := Header{Status: Status(p.Status), Sequence: p.Sequence}
	if p.ID != nil {
		h.Command = CommandID(*p.ID)
	} else {
		var name string
		if len(p.Command) == 0 || json.Unmarshal(p.Command, &name) != nil {
			return nil, &JSONError{"command", "a PDU has a command or a command_id"}
		}
		id, ok := r.Lookup(name)
		if !ok {
			return nil, &JSONError{"command", fmt.Sprintf("%q is no command that the registry knows", name)}
		}
		h.Command = id
	}
	body, ok := r.New(h.Command)
	if !ok {
		body = &Unknown{ID: h.Command}
	}
	rd := &jsonReader{}
	for i, t := range p.TLVs {
		member := fmt.Sprintf("tlvs[%d]", i)
		var o tlv.Option
		switch {
		case t.Tag != nil:
			o.Tag = tlv.Tag(*t.Tag)
		case t.Name != "":
			defs := r.TLVs()
			j := slices.IndexFunc(defs, func(d *tlv.Definition) bool { return d.Name == t.Name })
			if j < 0 {
				return nil, &JSONError{member + ".name", fmt.Sprintf("%q is no TLV that the registry knows", t.Name)}
			}
			o.Tag = defs[j].Tag
		default:
			return nil, &JSONError{member, "a TLV has a tag or a name"}
		}
		if t.Value != nil {
			b, err := hex.DecodeString(*t.Value)
			if err != nil {
				return nil, &JSONError{member + ".value", err.Error()}
			}
			o.Value = b
		}
		rd.options = append(rd.options, o)
	}
	if len(p.Body) == 0 || string(p.Body) == "null" {
		if len(rd.options) > 0 && !isBare(body) {
			return nil, &JSONError{"body", "TLVs cannot stand without it"}
		}
		if !isBare(body) {
			return Append(nil, h, nil)
		}
		p.Body = json.RawMessage("{}")
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(p.Body, &members); err != nil {
		return nil, &JSONError{"body", "an object is required"}
	}
	rd.stack = []jsonLevel{{path: "body", members: members}}
	c := NewCodec(r, V50)
	c.mode, c.slow, c.header = modeVisit, rd, h
	body.Fields(c)
	rd.leftovers()
	if c.err != nil {
		return nil, c.err
	}
	if rd.err != nil {
		return nil, rd.err
	}
	if len(rd.options) > 0 && !rd.tookTLVs {
		return nil, &JSONError{"tlvs", fmt.Sprintf("%s has none", r.Name(h.Command))}
	}
	return c.Append(nil, h, body)
}

type jsonLevel struct {
	path    string
	members map[string]json.RawMessage
	list    []map[string]json.RawMessage
}

type jsonReader struct {
	stack    []jsonLevel
	options  tlv.List
	tookTLVs bool
	err      error
}

func (r *jsonReader) top() *jsonLevel { return &r.stack[len(r.stack)-1] }

func (r *jsonReader) get(name string, v any, want string) bool {
	l := r.top()
	raw, ok := l.members[name]
	if !ok || r.err != nil {
		return false
	}
	delete(l.members, name)
	if err := json.Unmarshal(raw, v); err != nil {
		r.fail(name, fmt.Sprintf("%s: %s is required", clip(string(raw)), want))
		return false
	}
	return true
}

// leftovers refuses members of the level at hand that no field has asked for.
func (r *jsonReader) leftovers() {
	if m := r.top().members; len(m) > 0 {
		r.fail(slices.Min(slices.Collect(maps.Keys(m))), "there is no such field")
	}
}

func clip(s string) string {
	if len(s) > 40 {
		return s[:37] + "..."
	}
	return s
}

func (r *jsonReader) fail(name, reason string) {
	if r.err == nil {
		r.err = &JSONError{r.top().path + "." + name, reason}
	}
}

func (r *jsonReader) uint(f field, v uint64) uint64 {
	var n uint64
	most := uint64(1)<<(8*f.size) - 1
	want := fmt.Sprintf("an integer from 0 to %d", most)
	if !r.get(f.name, &n, want) {
		if _, list := r.top().members["dl_name"]; list && f.name == "dest_flag" {
			return uint64(DestList)
		}
		return v
	}
	if n > most {
		r.fail(f.name, fmt.Sprintf("%d: %s is required", n, want))
	}
	return n
}

func (r *jsonReader) str(f field, v string) string {
	var s string
	if !r.get(f.name, &s, "a string") {
		return v
	}
	s, err := utf8ToLatin1(s)
	if err != nil {
		r.fail(f.name, err.Error())
	}
	return s
}

func (r *jsonReader) octets(f field, v []byte) []byte {
	var s string
	delete(r.top().members, f.length)
	if !r.get(f.name, &s, "a string of hexadecimal digits") {
		return v
	}
	b, err := hex.DecodeString(s)
	if err != nil {
		r.fail(f.name, err.Error())
	}
	return b
}

func (r *jsonReader) list(f field, _ int) int {
	var l []map[string]json.RawMessage
	delete(r.top().members, f.length)
	r.get(f.name, &l, "an array of objects")
	r.stack = append(r.stack, jsonLevel{path: r.top().path + "." + f.name, list: l})
	return len(l)
}

func (r *jsonReader) element(i int) {
	r.leftovers()
	l := r.top()
	l.members = l.list[i]
	if j := strings.LastIndexByte(l.path, '['); j >= 0 && strings.HasSuffix(l.path, "]") {
		l.path = l.path[:j]
	}
	l.path += fmt.Sprintf("[%d]", i)
}

func (r *jsonReader) endList() {
	r.leftovers()
	r.stack = r.stack[:len(r.stack)-1]
}

func (r *jsonReader) tlvs(_ *Codec, l tlv.List) tlv.List {
	r.tookTLVs = true
	if len(r.options) == 0 {
		return l
	}
	return r.options
}
