package pdu_test

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/tlv"
)

// readJSON reads a file below testdata of the module.
func readJSON[T any](tb testing.TB, name string) T {
	tb.Helper()
	var v T
	b, err := os.ReadFile(filepath.Join("..", "testdata", filepath.FromSlash(name)))
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
	return v
}

// octets is written as hexadecimal digits.
type octets []byte

func (o *octets) UnmarshalText(text []byte) (err error) {
	*o, err = hex.DecodeString(string(text))
	return err
}

func unhex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// vectors are worked PDUs. Fields are by their names in the specification; nil
// means that there is no body. Strings hold octets above 0x7F as U+0080 to U+00FF.
type vectors struct {
	Valid   []vector
	Invalid []struct {
		Name   string
		Hex    octets
		Strict bool // invalid only for a strict decoder
		Close  bool
		Answer *struct {
			Command  string
			Status   string
			Sequence uint32 `json:"sequence_number"`
		}
	}
}

type vector struct {
	Name     string
	Version  string
	Command  string
	ID       pdu.CommandID `json:"command_id"`
	Status   pdu.Status    `json:"command_status"`
	Sequence uint32        `json:"sequence_number"`
	Fields   map[string]any
	TLVs     []struct {
		Tag  tlv.Tag
		Name string
		Hex  octets
	}
	Hex octets
}

func readVectors(tb testing.TB) vectors {
	v := readJSON[vectors](tb, "vectors/vectors.json")
	if len(v.Valid) < 100 || len(v.Invalid) < 40 {
		tb.Fatalf("%d valid and %d invalid vectors", len(v.Valid), len(v.Invalid))
	}
	return v
}

func (v *vector) header() pdu.Header {
	return pdu.Header{Command: v.ID, Status: v.Status, Sequence: v.Sequence}
}

// goNames tells in which Go field a field of the specification is. It says so
// independently of the Fields methods, which are what is tested.
var goNames = map[string]string{
	"system_id": "SystemID", "password": "Password", "system_type": "SystemType", "interface_version": "InterfaceVersion",
	"addr_ton": "AddressRange.TON", "addr_npi": "AddressRange.NPI", "address_range": "AddressRange.Addr",
	"service_type":    "ServiceType",
	"source_addr_ton": "Source.TON", "source_addr_npi": "Source.NPI", "source_addr": "Source.Addr",
	"dest_addr_ton": "Dest.TON", "dest_addr_npi": "Dest.NPI", "destination_addr": "Dest.Addr",
	"esme_addr_ton": "ESME.TON", "esme_addr_npi": "ESME.NPI", "esme_addr": "ESME.Addr",
	"dest_address": "Dests", "unsuccess_sme": "Failed",
	"esm_class": "ESMClass", "protocol_id": "ProtocolID", "priority_flag": "PriorityFlag",
	"schedule_delivery_time": "ScheduleDeliveryTime", "validity_period": "ValidityPeriod",
	"registered_delivery": "RegisteredDelivery", "replace_if_present_flag": "ReplaceIfPresent", "data_coding": "DataCoding",
	"sm_default_msg_id": "DefaultMessageID", "short_message": "ShortMessage",
	"message_id": "MessageID", "final_date": "FinalDate", "message_state": "State", "error_code": "ErrorCode",
	"raw": "Raw",
}

// goNamesOfElements is the same for dest_address and unsuccess_sme.
var goNamesOfElements = map[string]string{
	"dest_flag": "Flag", "dest_addr_ton": "Address.TON", "dest_addr_npi": "Address.NPI", "destination_addr": "Address.Addr",
	"dl_name": "List", "error_status_code": "Status",
}

// computed are the fields that no struct has.
var computed = map[string]bool{"sm_length": true, "number_of_dests": true, "no_unsuccess": true}

func goField(tb testing.TB, v reflect.Value, names map[string]string, name string) reflect.Value {
	tb.Helper()
	if names[name] == "" {
		tb.Fatalf("no Go field is known for %s", name)
	}
	for part := range strings.SplitSeq(names[name], ".") {
		if v = v.FieldByName(part); !v.IsValid() {
			tb.Fatalf("%s: there is no %s", name, names[name])
		}
	}
	return v
}

// setField sets the Go field of a body.
func setField(tb testing.TB, body pdu.Body, name string, value any) {
	tb.Helper()
	setValue(tb, goField(tb, reflect.ValueOf(body).Elem(), goNames, name), value)
}

func setValue(tb testing.TB, f reflect.Value, value any) {
	tb.Helper()
	switch value := value.(type) {
	case float64:
		f.SetUint(uint64(value))
	case string:
		var latin1 []byte
		for _, r := range value {
			latin1 = append(latin1, byte(r))
		}
		f.SetString(string(latin1))
	case map[string]any:
		f.SetBytes(unhex(tb, value["hex"].(string)))
	case []any:
		f.Set(reflect.MakeSlice(f.Type(), len(value), len(value)))
		for i, e := range value {
			for name, v := range e.(map[string]any) {
				setValue(tb, goField(tb, f.Index(i), goNamesOfElements, name), v)
			}
		}
	default:
		tb.Fatalf("a %T", value)
	}
}

// body builds the body that a vector states, or nil.
func (v *vector) body(tb testing.TB) pdu.Body {
	tb.Helper()
	if v.Fields == nil {
		return nil
	}
	body, ok := pdu.Standard().New(v.ID)
	if !ok {
		body = &pdu.Unknown{ID: v.ID}
	}
	for name, value := range v.Fields {
		if !computed[name] {
			setField(tb, body, name, value)
		}
	}
	if len(v.TLVs) > 0 {
		setTLVs(tb, body, v.tlvs())
	}
	return body
}

func (v *vector) tlvs() tlv.List {
	var l tlv.List
	for _, o := range v.TLVs {
		l.Add(o.Tag, o.Hex)
	}
	return l
}

// tlvList is a list of tags and values in turn.
func tlvList(tagsAndValues ...any) tlv.List {
	var l tlv.List
	for i := 0; i < len(tagsAndValues); i += 2 {
		l.Add(tlv.Tag(tagsAndValues[i].(int)), []byte(tagsAndValues[i+1].(string)))
	}
	return l
}

func setTLVs(tb testing.TB, body pdu.Body, l tlv.List) {
	tb.Helper()
	f := reflect.ValueOf(body).Elem().FieldByName("TLVs")
	if !f.IsValid() {
		tb.Fatalf("%T has no TLVs", body)
	}
	f.Set(reflect.ValueOf(l))
}

// same reports whether two bodies are equal; no octets are no octets, nil or not.
func same(a, b pdu.Body) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	if reflect.TypeOf(a) != reflect.TypeOf(b) {
		return false
	}
	return sameValue(reflect.ValueOf(a).Elem(), reflect.ValueOf(b).Elem())
}

func sameValue(a, b reflect.Value) bool {
	switch a.Kind() {
	case reflect.Struct:
		for i := range a.NumField() {
			if !sameValue(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Slice:
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !sameValue(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	case reflect.Interface:
		return a.IsNil() == b.IsNil()
	}
	return a.Equal(b)
}

func version(tb testing.TB, s string) pdu.Version {
	tb.Helper()
	v, ok := map[string]pdu.Version{"3.3": pdu.V33, "3.4": pdu.V34, "5.0": pdu.V50}[s]
	if !ok {
		tb.Fatalf("version %q", s)
	}
	return v
}

// frame encodes a PDU by the rules of v5.0.
func frame(tb testing.TB, h pdu.Header, body pdu.Body) []byte {
	tb.Helper()
	b, err := pdu.Append(nil, h, body)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// decode decodes what must be well formed.
func decode(tb testing.TB, frame []byte) (pdu.Header, pdu.Body) {
	tb.Helper()
	h, body, err := pdu.Decode(frame)
	if err != nil {
		tb.Fatalf("% X: %v", frame, err)
	}
	return h, body
}
