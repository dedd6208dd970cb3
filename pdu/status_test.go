package pdu_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/godwit-sms/smpp/pdu"
)

type specStatuses struct {
	Statuses []struct {
		Name, Alias34, Since, Meaning string
		Code                          pdu.Status
		Retry                         bool
	}
	ToOlderPeer struct {
		To34 struct {
			Map map[string]string
		} `json:"to_3_4"`
		To33 struct {
			Keep []string
			Map  map[string]string
		} `json:"to_3_3"`
	} `json:"to_older_peer"`
}

func TestStatuses(t *testing.T) {
	s := readJSON[specStatuses](t, "spec/statuses.json")
	var codes []pdu.Status
	for _, e := range s.Statuses {
		t.Run(e.Name, func(t *testing.T) {
			codes = append(codes, e.Code)
			if e.Code.String() != e.Name || e.Code.Meaning() != e.Meaning || e.Code.Error() != e.Name+": "+e.Meaning {
				t.Errorf("%v, %q, %q", e.Code.String(), e.Code.Meaning(), e.Code.Error())
			}
			if e.Code.Temporary() != e.Retry || e.Code.Since() != version(t, e.Since) || e.Code.Vendor() {
				t.Errorf("temporary %v, since %v, vendor %v, want %+v", e.Code.Temporary(), e.Code.Since(), e.Code.Vendor(), e)
			}
			for _, name := range []string{e.Name, e.Alias34, fmt.Sprint(uint32(e.Code)), fmt.Sprintf("0x%X", uint32(e.Code))} {
				if name == "" {
					continue
				}
				if got, err := pdu.ParseStatus(name); got != e.Code || err != nil {
					t.Errorf("ParseStatus(%q) = %v, %v", name, got, err)
				}
			}
			err := fmt.Errorf("wrapped: %w", e.Code)
			if !errors.Is(err, e.Code) || pdu.StatusOf(err) != e.Code {
				t.Error("errors.Is does not see it")
			}
			checkOlderPeers(t, &s, e.Code)
		})
	}
	if got := pdu.Statuses(); !slices.Equal(got, codes) || !slices.IsSorted(got) {
		t.Errorf("Statuses() = %v", got)
	}
}

func checkOlderPeers(t *testing.T, s *specStatuses, code pdu.Status) {
	t.Helper()
	mapped := func(to map[string]string, code pdu.Status) pdu.Status {
		name, ok := to[code.String()]
		if !ok {
			name = to["other"]
		}
		return specStatus(t, name)
	}
	to34 := code
	if code.Since() > pdu.V34 {
		to34 = mapped(s.ToOlderPeer.To34.Map, code)
	}
	to33 := to34
	if to34.Since() > pdu.V33 && !slices.Contains(s.ToOlderPeer.To33.Keep, to34.String()) {
		to33 = mapped(s.ToOlderPeer.To33.Map, to34)
	}
	for v, want := range map[pdu.Version]pdu.Status{pdu.V50: code, 0xFF: code, pdu.V34: to34, 0x40: to34, pdu.V33: to33, 0x21: to33, 0: to33} {
		if got := code.For(v); got != want {
			t.Errorf("for version %v: %v, want %v", v, got, want)
		}
	}
}

func TestStatusesThatNobodyDefines(t *testing.T) {
	for _, tt := range []struct {
		code   pdu.Status
		vendor bool
		name   string
		text   string
	}{
		{0x09, false, "0x00000009", "command_status 0x00000009: reserved"},
		{0x3FF, false, "0x000003FF", "command_status 0x000003FF: reserved"},
		{0x400, true, "0x00000400", "command_status 0x00000400: vendor specific"},
		{0x4FF, true, "0x000004FF", "command_status 0x000004FF: vendor specific"},
		{0x500, false, "0x00000500", "command_status 0x00000500: reserved"},
		{0x80000000, false, "0x80000000", "command_status 0x80000000: reserved"},
		{0xFFFFFFFF, false, "0xFFFFFFFF", "command_status 0xFFFFFFFF: reserved"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if s := tt.code; s.Vendor() != tt.vendor || s.String() != tt.name || s.Error() != tt.text || s.Meaning() != "" || !s.Temporary() || s.Since() != 0 || s.For(pdu.V33) != s {
				t.Errorf("%v %q %v", s.String(), s.Error(), s.Temporary())
			}
			if got, err := pdu.ParseStatus(tt.name); got != tt.code || err != nil {
				t.Errorf("ParseStatus: %v, %v", got, err)
			}
		})
	}
	for _, bad := range []string{"", "ESME_RWHATEVER", "-1", "0x100000000", "ok"} {
		if got, err := pdu.ParseStatus(bad); err == nil {
			t.Errorf("ParseStatus(%q) = %v", bad, got)
		}
	}
}

func TestStatusOf(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		want pdu.Status
	}{
		{"a DecodeError", fmt.Errorf("x: %w", &pdu.DecodeError{Status: pdu.StatusInvalidExpiry}), pdu.StatusInvalidExpiry},
		{"a FrameError", &pdu.FrameError{Length: 3}, pdu.StatusInvalidCommandLength},
		{"a status", pdu.StatusThrottled, pdu.StatusThrottled},
		{"anything else", errors.New("x"), pdu.StatusSystemError},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := pdu.StatusOf(tt.err); got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}

func TestErrorTexts(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{&pdu.DecodeError{Command: pdu.IDSubmitSM, Field: "sm_length", Offset: 40, Status: pdu.StatusInvalidMessageLength, Reason: "200 octets announced"},
			"submit_sm: sm_length at octet 40: 200 octets announced (ESME_RINVMSGLEN: " + pdu.StatusInvalidMessageLength.Meaning() + ")"},
		{&pdu.EncodeError{Command: pdu.IDSubmitSM, Field: "service_type", Value: `"TOOLONG"`, Reason: "at most 5"}, `submit_sm: service_type "TOOLONG": at most 5`},
		{&pdu.EncodeError{Command: pdu.IDSubmitSM, Field: "tlvs", Reason: "none"}, "submit_sm: tlvs: none"},
		{&pdu.FrameError{Length: 15}, "command_length 15: a PDU has at least 16 octets"},
		{&pdu.FrameError{Length: 99, Limit: 64}, "command_length 99: above the limit of 64 octets"},
		{&pdu.TimeError{Value: "x", Reason: "bad"}, `time "x": bad`},
		{&pdu.JSONError{Member: "body.esm_class", Reason: "bad"}, "body.esm_class: bad"},
	} {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}
