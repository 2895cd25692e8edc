package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"log"
	"math/rand"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// window: kube-scheduler's parallel workers finish out of order within about so many names.
const window = 64

// job is what the client is to do, read from standard input.
type job struct {
	Targets   []targetJob
	Names     string // JSON list of node names
	Pods      string // JSON list of pods
	Nodes     string // JSON list of Node objects to send in place of names; empty: names
	Size      int    // nodes in a request
	Pairs     int    // different (pod, list of nodes) requests
	Mode      string // bytes: ready-made bodies, answers not decoded. spaced: decoded and encoded between the calls, untimed. full: timed
	Apart     bool   // prioritize is asked about another list than filter was
	Rounds    int    // good rounds wanted
	Block     int    // cycles per target and round
	Warm      int    // cycles thrown away at the start of a block
	PauseMin  float64
	PauseMax  float64 // seconds before every call
	Pids      []int   // processes whose CPU use is ours
	Quiet     float64 // largest share of one core that others may use in a round
	Limit     float64 // seconds after which noisy rounds count as well
	Authority string  // PEM file: whom to trust
	Cert, Key string  // PEM files: who we are, for servers that ask
	Seed      int64
	Settle    float64 // seconds between a target's Before and its block
}

type targetJob struct {
	Name, URL string
	HTTP2     bool
	Before    *hook // POSTed before each block of this target
}

type hook struct{ URL, Body string }

type target struct {
	targetJob
	client      *http.Client
	connections int
	prepared    []prepared // by request
	outcome     *outcome
}

// prepared is what follows from the answer to one filter call: who is to be scored.
type prepared struct {
	answer []byte
	next   *ExtenderArgs
	body   []byte
	apart  []byte // the same pod, and the nodes that were kept of another request
}

// outcome is what the client tells of one target.
type outcome struct {
	Name            string
	Filter          [][]float64 // microseconds by round and cycle, good rounds only
	Prioritize      [][]float64
	Kept, Scored    [2]int // fewest and most nodes in an answer
	RequestBytes    int
	FilterBytes     int
	PrioritizeBytes int
	Connections     int
	Renewed         int // filter answers that differed from those to the same request before
}

type result struct {
	Targets      []*outcome
	RoundsKept   int
	RoundsNoisy  int // of those kept
	RoundsThrown int
}

// clientMain drives the targets serially, one kept-alive connection each, in blocks whose order is
// shuffled anew in every round. A cycle is what kube-scheduler does with a pod: filter, then prioritize
// with the nodes that the answer kept, in its order. A round in which other processes used the CPU is
// dropped, as long as there is time for another.
func clientMain() {
	j := readJob()
	rng := rand.New(rand.NewSource(j.Seed))
	requests := makeRequests(j, rng)
	var targets []*target
	for _, t := range j.Targets {
		targets = append(targets, newTarget(t, j))
	}
	c := &client{job: j, rng: rng, requests: requests, buf: make([]byte, 1<<20)}
	for _, tg := range targets {
		c.rehearse(tg)
	}
	out := result{}
	begin := time.Now()
	for out.RoundsKept < j.Rounds {
		busy, own, wall := cpuBusy(), cpuOwn(j.Pids), time.Now()
		found := c.round(targets)
		other := (cpuBusy() - busy) - (cpuOwn(j.Pids) - own)
		if other > j.Quiet*time.Since(wall).Seconds()+0.02 {
			if time.Since(begin).Seconds() < j.Limit {
				out.RoundsThrown++
				continue
			}
			out.RoundsNoisy++
		}
		out.RoundsKept++
		for tg, took := range found {
			tg.outcome.Filter = append(tg.outcome.Filter, took[0])
			tg.outcome.Prioritize = append(tg.outcome.Prioritize, took[1])
		}
	}
	for _, tg := range targets {
		tg.outcome.Connections = tg.connections
		out.Targets = append(out.Targets, tg.outcome)
	}
	b, err := json.Marshal(out)
	if err != nil {
		log.Fatal(err)
	}
	os.Stdout.Write(append(b, '\n'))
}

func readJob() *job {
	d := json.NewDecoder(os.Stdin)
	d.DisallowUnknownFields()
	j := &job{}
	if err := d.Decode(j); err != nil {
		log.Fatal("job: ", err)
	}
	if j.Mode != "bytes" && j.Mode != "spaced" && j.Mode != "full" {
		log.Fatalf("job: Mode %q: want bytes, spaced or full", j.Mode)
	}
	return j
}

func newTarget(t targetJob, j *job) *target {
	tg := &target{targetJob: t, prepared: make([]prepared, j.Pairs), outcome: &outcome{Name: t.Name}}
	dialer := &net.Dialer{}
	transport := &http.Transport{IdleConnTimeout: 90 * time.Second, ForceAttemptHTTP2: t.HTTP2}
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		tg.connections++
		return dialer.DialContext(ctx, network, address)
	}
	transport.TLSClientConfig = clientTLS(j)
	tg.client = &http.Client{Timeout: 30 * time.Second, Transport: transport}
	return tg
}

func clientTLS(j *job) *tls.Config {
	c := &tls.Config{}
	if j.Authority != "" {
		pem, err := os.ReadFile(j.Authority)
		if err != nil {
			log.Fatal(err)
		}
		c.RootCAs = x509.NewCertPool()
		c.RootCAs.AppendCertsFromPEM(pem)
	}
	if j.Cert != "" {
		pair, err := tls.LoadX509KeyPair(j.Cert, j.Key)
		if err != nil {
			log.Fatal(err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c
}

type request struct {
	args *ExtenderArgs
	body []byte
}

// makeRequests: lists begin anywhere and are shuffled in windows.
func makeRequests(j *job, rng *rand.Rand) []request {
	var pods []*Pod
	readJSON(j.Pods, &pods)
	names := readNames(j.Names)
	nodes := map[string]Node{}
	if j.Nodes != "" {
		var list []Node
		readJSON(j.Nodes, &list)
		names = names[:0]
		for _, n := range list {
			names = append(names, n.Name)
			nodes[n.Name] = n
		}
	}
	if j.Size > len(names) {
		log.Fatalf("job: Size %d: there are only %d nodes", j.Size, len(names))
	}
	requests := make([]request, j.Pairs)
	for k := range requests {
		list := pick(names, j.Size, rng)
		args := &ExtenderArgs{Pod: pods[k%len(pods)]}
		if j.Nodes == "" {
			args.NodeNames = &list
		} else {
			args.Nodes = &NodeList{}
			for _, n := range list {
				args.Nodes.Items = append(args.Nodes.Items, nodes[n])
			}
		}
		requests[k] = request{args, marshal(args)}
	}
	return requests
}

func pick(names []string, size int, rng *rand.Rand) []string {
	start := rng.Intn(len(names))
	list := make([]string, size)
	for k := range list {
		list[k] = names[(start+k)%len(names)]
	}
	for w := 0; w < size; w += window {
		e := min(w+window, size)
		rng.Shuffle(e-w, func(x, y int) { list[w+x], list[w+y] = list[w+y], list[w+x] })
	}
	return list
}

func readJSON(path string, into any) {
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		log.Fatal(path, ": ", err)
	}
}

func readNames(path string) []string {
	var names []string
	readJSON(path, &names)
	return names
}

func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		log.Fatal(err)
	}
	return b
}

type client struct {
	*job
	rng      *rand.Rand
	requests []request
	buf      []byte
}

// rehearse asks every request once, outside any measurement: it warms the target up, checks what it
// answers, and prepares the prioritize calls.
func (c *client) rehearse(tg *target) {
	o := tg.outcome
	o.RequestBytes = len(c.requests[0].body)
	for k := range c.requests {
		_, answer := c.callBytes(tg, "filter", c.requests[k].body)
		c.prepare(tg, k, answer)
		o.FilterBytes = len(answer)
		note(&o.Kept, countOf(tg.prepared[k].next))
		_, answer = c.callBytes(tg, "prioritize", tg.prepared[k].body)
		o.PrioritizeBytes = len(answer)
		note(&o.Scored, c.checkScores(tg, tg.prepared[k].next, answer))
	}
	if c.Apart {
		for k := range c.requests {
			tg.prepared[k].apart = marshal(c.other(tg, k))
		}
	}
}

func note(bounds *[2]int, n int) {
	if bounds[1] == 0 {
		bounds[0] = n
	}
	bounds[0], bounds[1] = min(bounds[0], n), max(bounds[1], n)
}

func countOf(a *ExtenderArgs) int {
	if a.Nodes != nil {
		return len(a.Nodes.Items)
	}
	return len(*a.NodeNames)
}

// prepare reads a filter answer as kube-scheduler would, and makes the call that follows from it.
func (c *client) prepare(tg *target, k int, answer []byte) {
	var res ExtenderFilterResult
	if err := json.Unmarshal(answer, &res); err != nil {
		log.Fatal(tg.Name, ": filter: ", err)
	}
	next := c.following(tg, k, &res)
	tg.prepared[k] = prepared{bytes.Clone(answer), next, marshal(next), tg.prepared[k].apart}
}

func (c *client) following(tg *target, k int, res *ExtenderFilterResult) *ExtenderArgs {
	if res.Error != "" {
		log.Fatal(tg.Name, ": filter: ", res.Error)
	}
	next := &ExtenderArgs{Pod: c.requests[k].args.Pod, Nodes: res.Nodes, NodeNames: res.NodeNames}
	if next.Nodes == nil && next.NodeNames == nil {
		log.Fatal(tg.Name, ": filter answered neither Nodes nor NodeNames")
	}
	kept := countOf(next)
	if kept == 0 {
		log.Fatal(tg.Name, ": filter kept no node: there would be nothing to prioritize")
	}
	if told := kept + len(res.FailedNodes) + len(res.FailedAndUnresolvableNodes); told != c.Size {
		log.Fatalf("%s: filter was asked about %d nodes and told of %d", tg.Name, c.Size, told)
	}
	return next
}

// checkScores: how many nodes were scored; each must be among those that were sent.
func (c *client) checkScores(tg *target, sent *ExtenderArgs, answer []byte) int {
	var scores HostPriorityList
	if err := json.Unmarshal(answer, &scores); err != nil {
		log.Fatal(tg.Name, ": prioritize: ", err)
	}
	known := map[string]bool{}
	if sent.Nodes != nil {
		for i := range sent.Nodes.Items {
			known[sent.Nodes.Items[i].Name] = true
		}
	} else {
		for _, n := range *sent.NodeNames {
			known[n] = true
		}
	}
	for _, s := range scores {
		if !known[s.Host] {
			log.Fatalf("%s: prioritize scored %q, which was not sent or was scored before", tg.Name, s.Host)
		}
		delete(known, s.Host)
	}
	if len(scores) == 0 {
		log.Fatal(tg.Name, ": prioritize scored nobody")
	}
	return len(scores)
}

func (c *client) round(targets []*target) map[*target][2][]float64 {
	found := map[*target][2][]float64{}
	for _, i := range c.rng.Perm(len(targets)) {
		tg := targets[i]
		c.before(tg)
		var took [2][]float64
		for n := -c.Warm; n < c.Block; n++ {
			filter, prioritize := c.cycle(tg, c.rng.Intn(len(c.requests)))
			if n >= 0 {
				took[0] = append(took[0], microseconds(filter))
				took[1] = append(took[1], microseconds(prioritize))
			}
		}
		found[tg] = took
	}
	return found
}

func microseconds(d time.Duration) float64 { return float64(d.Nanoseconds()/100) / 10 }

func (c *client) before(tg *target) {
	if tg.Before == nil {
		return
	}
	resp, err := http.Post(tg.Before.URL, "application/json", strings.NewReader(tg.Before.Body))
	if err != nil {
		log.Fatal(tg.Name, ": ", err)
	}
	b, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		log.Fatal(tg.Name, ": ", tg.Before.URL, ": ", resp.Status, " ", string(b))
	}
	time.Sleep(time.Duration(c.Settle * float64(time.Second)))
}

// cycle: filter, then prioritize with what was kept.
func (c *client) cycle(tg *target, k int) (filter, prioritize time.Duration) {
	c.pause()
	switch c.Mode {
	case "full":
		return c.cycleFull(tg, k)
	case "spaced":
		return c.cycleSpaced(tg, k)
	default:
		return c.cycleBytes(tg, k)
	}
}

// cycleBytes: both bodies are ready before the first call. Only an answer that changed is decoded, outside both times.
func (c *client) cycleBytes(tg *target, k int) (filter, prioritize time.Duration) {
	filter, answer := c.callBytes(tg, "filter", c.requests[k].body)
	if !bytes.Equal(answer, tg.prepared[k].answer) {
		tg.outcome.Renewed++
		c.prepare(tg, k, answer)
	}
	body := tg.prepared[k].body
	if c.Apart {
		body = tg.prepared[k].apart
	}
	c.pause()
	prioritize, _ = c.callBytes(tg, "prioritize", body)
	return filter, prioritize
}

// cycleSpaced: what kube-scheduler does between the calls is done, outside both times, so that the server's core
// sleeps as long as it would there.
func (c *client) cycleSpaced(tg *target, k int) (filter, prioritize time.Duration) {
	filter, answer := c.callBytes(tg, "filter", marshal(c.requests[k].args))
	if !bytes.Equal(answer, tg.prepared[k].answer) {
		tg.outcome.Renewed++
	}
	c.prepare(tg, k, answer)
	c.pause()
	prioritize, answer = c.callBytes(tg, "prioritize", tg.prepared[k].body)
	var scores HostPriorityList
	if err := json.Unmarshal(answer, &scores); err != nil {
		log.Fatal(tg.Name, ": prioritize: ", err)
	}
	return filter, prioritize
}

func (c *client) cycleFull(tg *target, k int) (filter, prioritize time.Duration) {
	var res ExtenderFilterResult
	filter = c.callFull(tg, "filter", c.requests[k].args, &res)
	next := c.following(tg, k, &res)
	if c.Apart {
		next = c.other(tg, k)
	}
	c.pause()
	var scores HostPriorityList
	return filter, c.callFull(tg, "prioritize", next, &scores)
}

// other: this pod with the nodes that were kept of another request.
func (c *client) other(tg *target, k int) *ExtenderArgs {
	next := *tg.prepared[(k+1)%len(tg.prepared)].next
	next.Pod = c.requests[k].args.Pod
	return &next
}

func (c *client) pause() {
	if c.PauseMax > 0 {
		seconds := c.PauseMin + c.rng.Float64()*(c.PauseMax-c.PauseMin)
		time.Sleep(time.Duration(seconds * float64(time.Second)))
	}
}

func post(tg *target, verb string, body []byte) *http.Response {
	req, err := http.NewRequest(http.MethodPost, tg.URL+"/"+verb, bytes.NewReader(body))
	if err != nil {
		log.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := tg.client.Do(req)
	if err != nil {
		log.Fatal(tg.Name, ": ", err)
	}
	if resp.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(resp.Body)
		log.Fatal(tg.Name, ": ", verb, ": ", resp.Status, " ", string(b), resp.Header["X-Trimtab-Reason"])
	}
	return resp
}

// callBytes: transport and server only; the answer is read but not decoded. It is good until the next call.
func (c *client) callBytes(tg *target, verb string, body []byte) (time.Duration, []byte) {
	begin := time.Now()
	resp := post(tg, verb, body)
	n := 0
	for {
		if n == len(c.buf) {
			c.buf = append(c.buf, make([]byte, len(c.buf))...)
		}
		k, err := resp.Body.Read(c.buf[n:])
		n += k
		if err == io.EOF {
			break
		}
		if err != nil {
			log.Fatal(tg.Name, ": ", err)
		}
	}
	resp.Body.Close()
	return time.Since(begin), c.buf[:n]
}

// callFull: what kube-scheduler waits for: marshal, call, decode.
func (c *client) callFull(tg *target, verb string, args *ExtenderArgs, out any) time.Duration {
	begin := time.Now()
	resp := post(tg, verb, marshal(args))
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		log.Fatal(tg.Name, ": ", verb, ": ", err)
	}
	return time.Since(begin)
}
