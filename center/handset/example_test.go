package handset_test

import (
	"fmt"
	"time"

	"github.com/godwit-sms/smpp/center/handset"
	"github.com/godwit-sms/smpp/pdu"
)

// A network of which some mobiles are unknown, some are slow, and which is
// overloaded every now and then.
func ExampleParseProfile() {
	p, err := handset.ParseProfile("deliver:undeliverable=10/1,delay=normal(1s p99=4s),throttle=2s/30s,seed=7")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Shares[0].State, p.Shares[0].Percent, p.Shares[0].Error)
	fmt.Println(p.Delays.Percentile(50), p.Delays.Percentile(99).Round(time.Second))
	_, err = handset.ParseProfile("deliver:undeliverable=60,rejected=50")
	fmt.Println(err)
	// Output:
	// undeliverable 10 1
	// 1s 4s
	// profile deliver: the shares add up to 110 %: at most 100 is possible
}

// The same, in Go.
func ExampleProfile() {
	p := handset.Profile{
		Shares:   []handset.Share{{State: pdu.StateUndeliverable, Percent: 10, Error: handset.UnknownSubscriber}},
		Delays:   handset.Uniform(time.Second, 3*time.Second),
		Throttle: handset.Burst{For: 2 * time.Second, Every: 30 * time.Second},
		Traffic:  handset.Traffic{Rate: 5},
	}
	fmt.Println(p)
	// Output:
	// deliver:delay=1s..3s,undeliverable=10/1,throttle=2s/30s,mo=5
}
