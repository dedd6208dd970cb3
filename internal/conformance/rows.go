package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// read returns the tables of the document, from the data of the specification.
func read(root string) ([]section, error) {
	var commands struct {
		Commands []struct {
			Name, Kind, Since string
			ID                uint32
		}
	}
	var statuses struct {
		Statuses []struct {
			Name, Since, Meaning string
			Code                 uint32
		}
	}
	var tlvs struct {
		TLVs []struct {
			Name, Since string
			Tag         uint16
		}
	}
	var session struct {
		StateNames  []struct{ Name, Meaning string } `json:"state_names"`
		States      map[string]any                   // requests that a test sends in each state
		Transitions []struct{ From, On, To string }
		Timers      []struct {
			Name    string
			Expiry  string `json:"on_expiry"`
			Default int    `json:"default_seconds"`
		}
		Errors []struct {
			Case   string
			Answer *struct{ Command, Status string }
			Then   string
		}
	}
	for name, to := range map[string]any{
		"session/session.json": &session, "spec/commands.json": &commands, "spec/statuses.json": &statuses, "spec/tlvs.json": &tlvs,
	} {
		data, err := os.ReadFile(filepath.Join(root, "testdata", filepath.FromSlash(name)))
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(data, to); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}

	all := []section{{
		title: "Commands", intro: "The fields of each, their order, limits and statuses, are those of the specification; and what is encoded decodes to the same, as do octets\nthe other way round. Requests are also sent to a message center that lives.",
		head: []string{"command", "command_id", "since"},
	}}
	for _, c := range commands.Commands {
		proofs := []proof{{"pdu", "TestCommands/" + c.Name}}
		if id := c.ID &^ 0x80000000; id < 0x22 || id > 0x24 { // those of v3.3 alone are known by name only
			proofs = append(proofs, proof{"pdu", "TestRandomBodiesBothWays/" + c.Name})
		}
		if _, ok := session.States[c.Name]; ok {
			state := "bound_trx"
			if strings.HasPrefix(c.Name, "bind_") {
				state = "open"
			}
			proofs = append(proofs, proof{"", "TestStates/" + state + "/" + c.Name})
		}
		all[0].rows = append(all[0].rows, row{[]string{c.Name, fmt.Sprintf("0x%08X", c.ID), "v" + c.Since}, proofs})
	}

	s := section{title: "Operations", intro: "Sent and handled on sessions.", head: []string{"operation"}}
	for _, o := range operations {
		s.rows = append(s.rows, row{[]string{o.name}, o.tests})
	}
	all = append(all, s)

	s = section{title: "States", intro: "In each state, each command is sent to a message center that lives, which takes it or refuses it as the specification has it.", head: []string{"state", "meaning"}}
	for _, st := range session.StateNames {
		s.rows = append(s.rows, row{[]string{st.Name, st.Meaning}, []proof{{"", "TestStates/" + st.Name}, {"", "TestStateTable"}}})
	}
	all = append(all, s)

	s = section{title: "Transitions", intro: "On a session that lives, by what makes them.", head: []string{"from", "on", "to"}}
	for _, tr := range session.Transitions {
		s.rows = append(s.rows, row{[]string{tr.From, words(tr.On), tr.To}, []proof{{"", "TestTransitions/" + tr.From + "_" + tr.On}}})
	}
	all = append(all, s)

	s = section{title: "Timers", intro: "In time that a test makes pass (`testing/synctest`); each can be set and turned off.", head: []string{"timer", "default", "on expiry"}}
	for _, t := range session.Timers {
		byDefault := fmt.Sprintf("%d s", t.Default)
		if t.Default == 0 {
			byDefault = "off"
		}
		s.rows = append(s.rows, row{[]string{t.Name, byDefault, t.Expiry}, append([]proof{{"", "TestTimers/" + t.Name}}, timers[t.Name]...)})
	}
	all = append(all, s)

	s = section{title: "Bad input", intro: "What a live session answers, and whether it goes on.", head: []string{"case", "answer", "then"}}
	for _, e := range session.Errors {
		answer := "none of its own"
		if e.Answer != nil {
			answer = words(e.Answer.Command) + ", " + strings.ReplaceAll(e.Answer.Status, "status_on_error_of_the_field", "the status of the field")
		}
		s.rows = append(s.rows, row{[]string{words(e.Case), answer, e.Then}, []proof{{"", "TestSessionErrors/" + e.Case}}})
	}
	all = append(all, s)

	s = section{title: "Rules of sessions", intro: "Those that are no states, transitions, timers or bad input.", head: []string{"rule"}}
	for _, r := range rules {
		s.rows = append(s.rows, row{[]string{r.name}, r.tests})
	}
	all = append(all, s)

	s = section{title: "Statuses", intro: "Each has its value, its names in v3.4 and v5.0, what it means, and whether trying again makes sense.", head: []string{"status", "value", "since", "meaning"}}
	for _, st := range statuses.Statuses {
		s.rows = append(s.rows, row{[]string{st.Name, fmt.Sprintf("0x%08X", st.Code), "v" + st.Since, st.Meaning}, []proof{{"pdu", "TestStatuses/" + st.Name}}})
	}
	all = append(all, s)

	s = section{title: "TLVs", intro: "Each has its tag, its type, its lengths and its values, may be repeated or not, and is encoded and decoded as such.", head: []string{"TLV", "tag", "since"}}
	for _, t := range tlvs.TLVs {
		s.rows = append(s.rows, row{[]string{t.Name, fmt.Sprintf("0x%04X", t.Tag), "v" + t.Since}, []proof{{"pdu", "TestTLVs/" + t.Name}}})
	}
	return append(all, s), nil
}

func words(s string) string {
	if s == "generic_nack" || strings.HasPrefix(s, "enquire_") {
		return s
	}
	return strings.ReplaceAll(s, "_", " ")
}

type named struct {
	name  string
	tests []proof
}

var timers = map[string][]proof{
	"session_init": {{"", "TestSessionInit"}, {"", "TestOutbindTimers"}, {"", "TestTimersStep"}},
	"enquire_link": {{"", "TestEnquireLinkTimer"}, {"", "TestDeadPeer"}, {"", "TestTimersStep"}},
	"inactivity":   {{"", "TestInactivity"}, {"", "TestTimersStep"}},
	"response":     {{"", "TestResponseTimer"}, {"", "TestLateResponse"}, {"", "TestTimersStep"}},
}

var operations = []named{
	{"bind_transmitter, bind_receiver, bind_transceiver", []proof{{"pdu", "TestBinds"}, {"", "TestVersionOfESME"}}},
	{"outbind, sent and received", []proof{{"", "TestOutbind"}, {"", "TestBeforeOutbind"}, {"", "TestOutbindListener"}}},
	{"unbind, from both sides, with requests in flight", []proof{{"", "TestShutdown"}, {"", "TestPeerUnbinds"}}},
	{"every other operation: a method and a handler each", []proof{{"", "TestOperations"}, {"", "TestHandlersOfASession"}}},
	{"commands of vendors", []proof{{"", "TestCustomCommands"}, {"pdu", "TestCustomCommands"}}},
}

var rules = []named{
	{"sequence_numbers go from 1 to 0x7FFFFFFF and again, past those in use", []proof{{"", "TestWindowSequence"}, {"", "TestWindowSkipsWhatWaits"}}},
	{"those of the peer are copied, whatever they are", []proof{{"", "TestPeersSequenceNumbers"}}},
	{"responses may come in any order, and late", []proof{{"", "TestResponses"}, {"", "TestStrayResponses"}, {"", "TestLateResponse"}}},
	{"no more requests are open than the window allows", []proof{{"", "TestWindowBlocks"}, {"", "TestWindowAgainstMap"}}},
	{"requests beyond the window wait, then get ESME_RTHROTTLED", []proof{{"", "TestBacklog"}}},
	{"congestion_state is told to v5.0 peers and obeyed", []proof{{"", "TestCongestionTold"}, {"", "TestCongestionObeyed"}, {"", "TestFlowBands"}}},
	{"the version is the lower of both sides'", []proof{{"", "TestNegotiate"}, {"", "TestVersionOfMessageCenter"}, {"", "TestVersionOfESME"}, {"", "TestVersionDefault"}}},
	{"an older peer is not sent what it does not have", []proof{{"", "TestOldPeers"}, {"pdu", "TestVersionsOfFields"}, {"pdu", "TestVersionsOfTLVs"}, {"pdu", "TestVersionsOfCommands"},
		{"pdu", "TestVersionsOfMessageStates"}, {"pdu", "TestTLVsForV33"}}},
	{"a status is one that the peer knows", []proof{{"pdu", "TestStatuses"}}},
	{"times, absolute and relative", []proof{{"pdu", "TestAbsoluteTimes"}, {"pdu", "TestRelativeTimes"}, {"pdu", "TestWritingTimes"}, {"pdu", "TestFinalDates"}}},
}
