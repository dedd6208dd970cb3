// Command benchtable makes the session tables of docs/performance.md: the library
// against the bare framing loop of center/internal/ceiling and against node-smpp,
// in turn, client and server in processes of their own, over loopback.
//
//	go run ./center/internal/benchtable -rounds 5
//	go run ./center/internal/benchtable -rounds 5 -paced
//	go run ./center/internal/benchtable -rounds 5 -pgo
//
// With -paced it compares latency: it finds the highest rate of the library,
// has both send at half of it once they are warm, and counts each request from
// when it was due.
// With -pgo it first has the program with the library write profiles of itself,
// and builds it with these, as go build does with a default.pgo.
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
	"io"
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

// cells are of some seconds each: in the first half of one, a program touches
// memory that it has not had before, which some machines take long for.
var cells = []cell{
	{"blocking", 10, 1, 1_000_000},
	{"async", 10, 1, 1_000_000},
	{"blocking", 100, 1, 3_000_000},
	{"async", 100, 1, 5_000_000},
	{"blocking", 1000, 1, 3_000_000},
	{"async", 1000, 1, 5_000_000},
	{"blocking", 10, 100, 2_000_000},
	{"async", 10, 100, 2_000_000},
}

// A figure is what one run came to.
type figure struct {
	rate           float64 // messages a second
	client, server float64 // microseconds of processor time a message
	p50, p99       float64 // microseconds
}

func (f figure) cpu() float64 { return f.client + f.server }

// options are those of the command line.
type options struct {
	rounds      int
	only        string
	scale       float64
	plain, node bool
	paced, pgo  bool
}

func main() {
	var o options
	flag.IntVar(&o.rounds, "rounds", 5, "rounds of each cell")
	flag.StringVar(&o.only, "only", "", "a cell, such as async/100/1, or node")
	flag.Float64Var(&o.scale, "scale", 1, "factor for the number of messages")
	flag.BoolVar(&o.plain, "plain", false, "compare with the loop that does not yield before it writes")
	flag.BoolVar(&o.node, "node", true, "measure node-smpp too, where it is installed")
	flag.BoolVar(&o.pgo, "pgo", false, "build the program with the library with a profile of itself")
	flag.BoolVar(&o.paced, "paced", false, "compare latency at half of the library's highest rate instead")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "benchtable:", err)
		os.Exit(1)
	}
}

// A bench runs the two sides.
type bench struct {
	options
	ceiling, ours string // the programs
}

func (b *bench) loop(c cell, rate float64) (figure, error) {
	return c.measure("loop", b.ceiling, rate, fmt.Sprintf("-yield=%t", !b.plain))
}

func (b *bench) measured(c cell, rate float64) (figure, error) {
	return c.measure("library", b.ours, rate)
}

func (c cell) client(program, addr string, rate float64) []string {
	args := []string{program, "-addr", addr, "-style", c.style, "-window", strconv.Itoa(c.window), "-conns", strconv.Itoa(c.conns), "-n", strconv.Itoa(c.n)}
	if rate > 0 {
		args = append(args, fmt.Sprintf("-rate=%f", rate), "-warm=1000000")
	}
	return args
}

// measure runs a program against itself.
func (c cell) measure(what, program string, rate float64, args ...string) (figure, error) {
	f, err := pair(c, []string{program, "-serve", "127.0.0.1:0"}, func(addr string) []string { return append(c.client(program, addr, rate), args...) })
	if err != nil {
		return f, fmt.Errorf("%v: %s: %w", c, what, err)
	}
	return f, nil
}

func run(o options) error {
	if o.rounds < 1 || o.scale <= 0 {
		return errors.New("-rounds and -scale: more than 0 is required")
	}
	dir, err := os.MkdirTemp("", "benchtable")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b := &bench{o, filepath.Join(dir, "ceiling"), filepath.Join(dir, "lean")}
	for out, pkg := range map[string]string{b.ceiling: "./center/internal/ceiling", b.ours: leanPackage} {
		if err := goTool(nil, "build", "-o", out, pkg); err != nil {
			return err
		}
	}
	found := o.only == "node" && !o.paced
	for _, c := range cells {
		found = found || o.only == c.String()
	}
	if o.only != "" && !found {
		return fmt.Errorf("-only %q: there is no such cell", o.only)
	}
	if o.pgo {
		if err := b.profile(dir); err != nil {
			return err
		}
	}
	if o.paced {
		return b.latency()
	}
	return b.throughput()
}

const leanPackage = "./center/internal/lean"

func goTool(out io.Writer, args ...string) error {
	cmd := exec.Command("go", args...)
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go %s: %w", strings.Join(args, " "), err)
	}
	return nil
}

// profile builds the program with the library anew, with profiles of both its
// sides in every cell.
func (b *bench) profile(dir string) error {
	merge := []string{"tool", "pprof", "-proto"}
	for i, c := range cells {
		server, client := filepath.Join(dir, fmt.Sprintf("server%d", i)), filepath.Join(dir, fmt.Sprintf("client%d", i))
		_, err := pair(c, []string{b.ours, "-serve", "127.0.0.1:0", "-cpuprofile", server}, func(addr string) []string {
			return append(c.client(b.ours, addr, 0), "-cpuprofile", client)
		})
		if err != nil {
			return fmt.Errorf("%v: %w", c, err)
		}
		merge = append(merge, server, client)
	}
	merged := filepath.Join(dir, "merged")
	f, err := os.Create(merged)
	if err != nil {
		return err
	}
	if err := errors.Join(goTool(f, merge...), f.Close()); err != nil {
		return err
	}
	return goTool(nil, "build", "-pgo", merged, "-o", b.ours, leanPackage)
}

func (c cell) String() string { return fmt.Sprintf("%s/%d/%d", c.style, c.window, c.conns) }

// latency compares the two at half of the library's highest rate.
func (b *bench) latency() error {
	fmt.Println("| style | window | sessions | rate, msg/s | loop, p50 / p99 us | library, p50 / p99 us | p99, library / loop, median (min-max) |")
	fmt.Println("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
	for _, c := range cells {
		if b.only != "" && b.only != c.String() || b.only == "" && (c.window != 100 || c.conns != 1) {
			continue
		}
		c.n = int(float64(c.n) * b.scale)
		var most []figure
		for range 3 {
			f, err := b.measured(c, 0)
			if err != nil {
				return err
			}
			most = append(most, f)
		}
		rate := median(most, func(f figure) float64 { return f.rate }) / 2
		var bare, lib []figure
		ratios := make([]float64, b.rounds)
		for i := range b.rounds {
			x, err := b.loop(c, rate)
			if err != nil {
				return err
			}
			y, err := b.measured(c, rate)
			if err != nil {
				return err
			}
			for _, f := range []figure{x, y} {
				if f.rate < 0.95*rate {
					return fmt.Errorf("%v: loop %.0f and library %.0f a second of the %.0f due: the machine is too busy to compare", c, x.rate, y.rate, rate)
				}
			}
			bare, lib, ratios[i] = append(bare, x), append(lib, y), y.p99/x.p99
		}
		slices.Sort(ratios)
		p50 := func(f figure) float64 { return f.p50 }
		p99 := func(f figure) float64 { return f.p99 }
		fmt.Printf("| %s | %d | %d | %.0f | %.0f / %.0f | %.0f / %.0f | %.2f times (%.2f-%.2f) |\n", c.style, c.window, c.conns, rate,
			median(bare, p50), median(bare, p99), median(lib, p50), median(lib, p99), ratios[b.rounds/2], ratios[0], ratios[b.rounds-1])
	}
	return nil
}

func (b *bench) throughput() error {
	if b.only == "node" {
		return b.againstNode()
	}
	fmt.Println("| style | window | sessions | loop, msg/s | library, msg/s | library / loop, median (min-max) | loop, CPU us/msg | library, CPU us/msg | CPU, library / loop, median |")
	fmt.Println("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
	for _, c := range cells {
		if b.only != "" && b.only != c.String() {
			continue
		}
		c.n = int(float64(c.n) * b.scale)
		var bare, lib []figure
		ratios, cpus := make([]float64, b.rounds), make([]float64, b.rounds)
		for i := range b.rounds {
			x, err := b.loop(c, 0)
			if err != nil {
				return err
			}
			y, err := b.measured(c, 0)
			if err != nil {
				return err
			}
			bare, lib = append(bare, x), append(lib, y)
			ratios[i], cpus[i] = 100*y.rate/x.rate, y.cpu()/x.cpu()
		}
		slices.Sort(ratios)
		slices.Sort(cpus)
		rate := func(f figure) float64 { return f.rate }
		client := func(f figure) float64 { return f.client }
		server := func(f figure) float64 { return f.server }
		fmt.Printf("| %s | %d | %d | %.0f | %.0f | %.0f %% (%.0f-%.0f) | %.2f + %.2f | %.2f + %.2f | %.2f |\n", c.style, c.window, c.conns,
			median(bare, rate), median(lib, rate), ratios[b.rounds/2], ratios[0], ratios[b.rounds-1],
			median(bare, client), median(bare, server), median(lib, client), median(lib, server), cpus[b.rounds/2])
	}
	if b.node && b.only == "" {
		return b.againstNode()
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
	Latency   struct {
		P50 float64 `json:"p50_us"`
		P99 float64 `json:"p99_us"`
	} `json:"latency"`
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
	f.rate, f.client, f.p50, f.p99 = o.PerSecond, o.CPU/o.Messages*1e6, o.Latency.P50, o.Latency.P99
	return f, nil
}

// againstNode compares with node-smpp at window 100, its client with its server.
func (b *bench) againstNode() error {
	dir := filepath.Join("internal", "interop", "node")
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); err != nil {
		fmt.Println("\nnode-smpp is not installed: not measured.")
		return nil
	}
	fmt.Println("\n| node-smpp | its msg/s | library, async, msg/s | library / node-smpp, median (min-max) |")
	fmt.Println("| --- | ---: | ---: | ---: |")
	for _, version := range []string{"smpp-0.5.1", "smpp-0.6.0-rc.4"} {
		var theirs, lib, ratios []float64
		for range b.rounds {
			out, err := exec.Command("node", filepath.Join(dir, "bench.js"), version, "100", "200000").Output()
			if err != nil {
				return fmt.Errorf("node bench.js: %w", err)
			}
			var o output
			if err := json.Unmarshal([]byte(strings.TrimSpace(string(out))), &o); err != nil {
				return err
			}
			l, err := b.measured(cell{"async", 100, 1, 4_000_000}, 0)
			if err != nil {
				return err
			}
			theirs, lib, ratios = append(theirs, o.PerSecond), append(lib, l.rate), append(ratios, l.rate/o.PerSecond)
		}
		slices.Sort(theirs)
		slices.Sort(lib)
		slices.Sort(ratios)
		fmt.Printf("| %s | %.0f | %.0f | %.0f times (%.0f-%.0f) |\n", version, theirs[b.rounds/2], lib[b.rounds/2], ratios[b.rounds/2], ratios[0], ratios[b.rounds-1])
	}
	return nil
}
