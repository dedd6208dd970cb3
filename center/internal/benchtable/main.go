// Command benchtable makes the session table of docs/performance.md: the library
// against the bare framing loop of internal/ceiling and against node-smpp, in
// turn, client and server in processes of their own, over loopback.
//
//	go run ./center/internal/benchtable -rounds 5
//
// It is to be run from the root of the repository. node-smpp is measured when
// its packages are installed (npm ci in internal/interop/node).
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// A cell is a row of the table.
type cell struct {
	style  string
	window int
	conns  int
	n      int
}

var cells = []cell{
	{"blocking", 10, 1, 200_000},
	{"async", 10, 1, 200_000},
	{"blocking", 100, 1, 600_000},
	{"async", 100, 1, 1_000_000},
	{"blocking", 1000, 1, 600_000},
	{"async", 1000, 1, 1_000_000},
	{"blocking", 10, 100, 400_000},
	{"async", 10, 100, 400_000},
}

// A figure is what one run came to.
type figure struct {
	rate           float64 // messages a second
	client, server float64 // microseconds of processor time a message
}

func main() {
	rounds := flag.Int("rounds", 5, "rounds of each cell")
	only := flag.String("only", "", "a cell, such as async/100/1")
	scale := flag.Float64("scale", 1, "factor for the number of messages")
	plain := flag.Bool("plain", false, "compare with the loop that does not yield before it writes")
	node := flag.Bool("node", true, "measure node-smpp too, where it is installed")
	flag.Parse()
	if err := run(*rounds, *only, *scale, *plain, *node); err != nil {
		fmt.Fprintln(os.Stderr, "benchtable:", err)
		os.Exit(1)
	}
}

func run(rounds int, only string, scale float64, plain, node bool) error {
	dir, err := os.MkdirTemp("", "benchtable")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ceiling, ours := filepath.Join(dir, "ceiling"), filepath.Join(dir, "smpp")
	for out, pkg := range map[string]string{ceiling: "./internal/ceiling", ours: "./center/cmd/smpp"} {
		cmd := exec.Command("go", "build", "-o", out, pkg)
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("go build %s: %w", pkg, err)
		}
	}
	fmt.Println("| style | window | sessions | loop, msg/s | library, msg/s | library / loop, median (min-max) | loop, CPU us/msg | library, CPU us/msg |")
	fmt.Println("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
	for _, c := range cells {
		name := fmt.Sprintf("%s/%d/%d", c.style, c.window, c.conns)
		if only != "" && only != name {
			continue
		}
		c.n = int(float64(c.n) * scale)
		var bare, lib []figure
		for range rounds {
			b, err := pair(c, []string{ceiling, "-serve", "127.0.0.1:0"}, func(addr string) []string {
				return []string{ceiling, "-addr", addr, "-style", c.style, "-window", strconv.Itoa(c.window), "-conns", strconv.Itoa(c.conns), "-n", strconv.Itoa(c.n), fmt.Sprintf("-yield=%t", !plain)}
			})
			if err != nil {
				return fmt.Errorf("%s: loop: %w", name, err)
			}
			l, err := pair(c, []string{ours, "bench", "--json", "--serve", "127.0.0.1:0"}, func(addr string) []string {
				return []string{ours, "bench", "--json", "--url", "smpp://bench:bench@" + addr, "--style", c.style,
					"--window", strconv.Itoa(c.window), "--conns", strconv.Itoa(c.conns), "-n", strconv.Itoa(c.n)}
			})
			if err != nil {
				return fmt.Errorf("%s: library: %w", name, err)
			}
			bare, lib = append(bare, b), append(lib, l)
		}
		ratios := make([]float64, rounds)
		for i := range ratios {
			ratios[i] = 100 * lib[i].rate / bare[i].rate
		}
		slices.Sort(ratios)
		rate := func(f figure) float64 { return f.rate }
		client := func(f figure) float64 { return f.client }
		server := func(f figure) float64 { return f.server }
		fmt.Printf("| %s | %d | %d | %.0f | %.0f | %.0f %% (%.0f-%.0f) | %.2f + %.2f | %.2f + %.2f |\n", c.style, c.window, c.conns,
			median(bare, rate), median(lib, rate), ratios[rounds/2], ratios[0], ratios[rounds-1],
			median(bare, client), median(bare, server), median(lib, client), median(lib, server))
	}
	if node && only == "" {
		return againstNode(rounds, ours)
	}
	return nil
}

func median(fs []figure, of func(figure) float64) float64 {
	v := make([]float64, len(fs))
	for i, f := range fs {
		v[i] = of(f)
	}
	slices.Sort(v)
	return v[len(v)/2]
}

type output struct {
	Listening any            `json:"listening"`
	Messages  float64        `json:"messages"`
	PerSecond float64        `json:"per_second"`
	CPU       float64        `json:"cpu_seconds"`
	Errors    map[string]int `json:"errors"`
}

// pair runs a server and a client and ends the server.
func pair(c cell, serve []string, client func(addr string) []string) (f figure, err error) {
	srv := exec.Command(serve[0], serve[1:]...)
	srv.Stderr = os.Stderr
	out, err := srv.StdoutPipe()
	if err != nil {
		return f, err
	}
	if err := srv.Start(); err != nil {
		return f, err
	}
	lines := bufio.NewScanner(out)
	defer func() { err = cmp.Or(err, srv.Wait()) }()
	defer func() {
		_ = srv.Process.Signal(syscall.SIGTERM)
		for lines.Scan() {
			var o output
			if json.Unmarshal(lines.Bytes(), &o) == nil && o.CPU > 0 {
				f.server = o.CPU / float64(c.n) * 1e6
			}
		}
	}()
	if !lines.Scan() {
		return f, errors.New("the server did not start")
	}
	var o output
	if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
		return f, err
	}
	args := client(fmt.Sprint(o.Listening))
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stderr = os.Stderr
	b, err := cmd.Output()
	if err != nil {
		return f, err
	}
	o = output{}
	if err := json.Unmarshal(b, &o); err != nil {
		return f, err
	}
	if len(o.Errors) > 0 {
		return f, fmt.Errorf("errors: %v", o.Errors)
	}
	f.rate, f.client = o.PerSecond, o.CPU/o.Messages*1e6
	return f, nil
}

// againstNode compares with node-smpp at window 100, its client with its server.
func againstNode(rounds int, ours string) error {
	dir := filepath.Join("internal", "interop", "node")
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); err != nil {
		fmt.Println("\nnode-smpp is not installed: not measured.")
		return nil
	}
	fmt.Println("\n| node-smpp | its msg/s | library, async, msg/s | library / node-smpp, median (min-max) |")
	fmt.Println("| --- | ---: | ---: | ---: |")
	for _, version := range []string{"smpp-0.5.1", "smpp-0.6.0-rc.4"} {
		var theirs, lib, ratios []float64
		for range rounds {
			b, err := exec.Command("node", filepath.Join(dir, "bench.js"), version, "100", "30000").Output()
			if err != nil {
				return fmt.Errorf("node bench.js: %w", err)
			}
			var o output
			if err := json.Unmarshal([]byte(strings.TrimSpace(string(b))), &o); err != nil {
				return err
			}
			c := cell{"async", 100, 1, 600_000}
			l, err := pair(c, []string{ours, "bench", "--json", "--serve", "127.0.0.1:0"}, func(addr string) []string {
				return []string{ours, "bench", "--json", "--url", "smpp://bench:bench@" + addr, "--style", c.style, "--window", "100", "-n", strconv.Itoa(c.n)}
			})
			if err != nil {
				return err
			}
			theirs, lib, ratios = append(theirs, o.PerSecond), append(lib, l.rate), append(ratios, l.rate/o.PerSecond)
		}
		slices.Sort(theirs)
		slices.Sort(lib)
		slices.Sort(ratios)
		fmt.Printf("| %s | %.0f | %.0f | %.0f times (%.0f-%.0f) |\n", version, theirs[rounds/2], lib[rounds/2], ratios[rounds/2], ratios[0], ratios[rounds-1])
	}
	return nil
}
