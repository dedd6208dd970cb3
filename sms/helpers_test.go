package sms_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
)

var (
	alice = pdu.International("491701234567")
	acme  = pdu.Alphanumeric("ACME")
)

func readJSON[T any](t testing.TB, name string) (v T) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// wantError wants an *sms.Error whose text contains all the words.
func wantError(t *testing.T, err error, words ...string) {
	t.Helper()
	var e *sms.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v is a %T, want an *sms.Error", err, err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
}

// overTheWire encodes and decodes a PDU.
func overTheWire(t testing.TB, b pdu.Body) pdu.Body {
	t.Helper()
	frame, err := pdu.Append(nil, pdu.Header{Command: b.Command(), Sequence: 1}, b)
	if err != nil {
		t.Fatal(err)
	}
	_, back, err := pdu.Decode(frame)
	if err != nil {
		t.Fatal(err)
	}
	return back
}

// deliver turns what was submitted into what arrives.
func deliver(m *pdu.SubmitSM) *pdu.DeliverSM {
	return &pdu.DeliverSM{Source: m.Source, Dest: m.Dest, ESMClass: m.ESMClass, DataCoding: m.DataCoding, ShortMessage: m.ShortMessage, TLVs: m.TLVs}
}

// add gives a Joiner a PDU.
func add(t testing.TB, j *sms.Joiner, b pdu.Body) (*sms.Message, bool) {
	t.Helper()
	return addAt(t, j, epoch, b)
}

func addAt(t testing.TB, j *sms.Joiner, now time.Time, b pdu.Body) (*sms.Message, bool) {
	t.Helper()
	m, err := j.Add(context.Background(), now, b)
	if err != nil {
		t.Error(err)
	}
	return m, m != nil
}

func expire(t testing.TB, j *sms.Joiner, now time.Time) {
	t.Helper()
	if err := j.Expire(context.Background(), now); err != nil {
		t.Error(err)
	}
}
