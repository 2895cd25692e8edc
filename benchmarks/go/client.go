package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"log"
	"math/rand"
	"net/http"
	"os"
	"sort"
	"strings"
	"time"
)

// pairs is the number of different (pod, list of names) requests.
const pairs = 32

// window: kube-scheduler's parallel workers finish out of order within about so many names.
const window = 64

type target struct {
	name, url string
	client    *http.Client
	lat       map[string][]float64 // verb -> microseconds, good rounds only
}

// row is one line of the result.
type row struct {
	Mode, Target, Verb    string
	Names, Calls          int
	RequestBytes          int
	AnswerBytes           int
	P50, P99, P999, Worst float64 // microseconds
	RoundsDropped         int
	RoundsNoisyKept       int
}

func pct(sorted []float64, p float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(p/100*float64(len(sorted))), len(sorted)-1)]
}

type request struct {
	args *ExtenderArgs
	body []byte
}

// makeRequests: lists begin anywhere and are shuffled in windows.
func makeRequests(pods []*Pod, names []string, size int, rng *rand.Rand) []request {
	requests := make([]request, pairs)
	for j := range requests {
		start := rng.Intn(len(names))
		list := make([]string, size)
		for k := range list {
			list[k] = names[(start+k)%len(names)]
		}
		for w := 0; w < size; w += window {
			e := min(w+window, size)
			rng.Shuffle(e-w, func(x, y int) { list[w+x], list[w+y] = list[w+y], list[w+x] })
		}
		args := &ExtenderArgs{Pod: pods[j%len(pods)], NodeNames: &list}
		body, err := json.Marshal(args)
		if err != nil {
			log.Fatal(err)
		}
		requests[j] = request{args, body}
	}
	return requests
}

func post(tg *target, verb string, body []byte) *http.Response {
	req, err := http.NewRequest(http.MethodPost, tg.url+"/"+verb, bytes.NewReader(body))
	if err != nil {
		log.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := tg.client.Do(req)
	if err != nil {
		log.Fatal(tg.name, ": ", err)
	}
	if resp.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(resp.Body)
		log.Fatal(tg.name, ": ", verb, ": ", resp.Status, " ", string(b), resp.Header["X-Trimtab-Reason"])
	}
	return resp
}

// callBytes: transport and server only; the answer is read but not decoded.
func callBytes(tg *target, verb string, r request, buf []byte) (time.Duration, int) {
	begin := time.Now()
	resp := post(tg, verb, r.body)
	n := 0
	for {
		k, err := resp.Body.Read(buf)
		n += k
		if err == io.EOF {
			break
		}
		if err != nil {
			log.Fatal(tg.name, ": ", err)
		}
	}
	resp.Body.Close()
	return time.Since(begin), n
}

// callFull: what kube-scheduler waits for: marshal, call, decode.
func callFull(tg *target, verb string, r request) time.Duration {
	var filtered ExtenderFilterResult
	var scored HostPriorityList
	var out any = &filtered
	if verb == "prioritize" {
		out = &scored
	}
	begin := time.Now()
	body, err := json.Marshal(r.args)
	if err != nil {
		log.Fatal(err)
	}
	resp := post(tg, verb, body)
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		log.Fatal(tg.name, ": ", verb, ": ", err)
	}
	return time.Since(begin)
}

// clientMain drives the targets serially, one kept-alive connection each, in
// blocks whose order is shuffled anew in every round. A round in which other
// processes used the CPU is dropped, as long as there is time for another.
func clientMain(args []string) {
	fs := flag.NewFlagSet("client", flag.ExitOnError)
	targets := fs.String("targets", "", "name=url,name=url")
	size := fs.Int("size", 500, "names in a request")
	mode := fs.String("mode", "bytes", "full or bytes")
	rounds := fs.Int("rounds", 20, "good rounds wanted")
	block := fs.Int("block", 40, "calls of each verb per target and round")
	warm := fs.Int("warm", 3, "calls thrown away at the start of a block")
	namesPath := fs.String("names", "", "JSON list of node names")
	podsPath := fs.String("pods", "", "JSON list of pods")
	pids := fs.String("pids", "", "processes whose CPU use is ours")
	quiet := fs.Float64("quiet", 0.12, "largest share of one core that others may use in a round")
	limit := fs.Duration("limit", 20*time.Second, "after this time noisy rounds count as well")
	fs.Parse(args)

	b, err := os.ReadFile(*podsPath)
	if err != nil {
		log.Fatal(err)
	}
	var pods []*Pod
	if err := json.Unmarshal(b, &pods); err != nil {
		log.Fatal(err)
	}
	rng := rand.New(rand.NewSource(1))
	requests := makeRequests(pods, readNames(*namesPath), *size, rng)
	var ts []*target
	for _, t := range strings.Split(*targets, ",") {
		name, url, _ := strings.Cut(t, "=")
		client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{IdleConnTimeout: 90 * time.Second}}
		ts = append(ts, &target{name: name, url: url, client: client, lat: map[string][]float64{}})
	}
	m := measurement{mode: *mode, block: *block, warm: *warm, requests: requests, rng: rng,
		buf: make([]byte, 1<<20), answer: map[string]int{}}
	dropped, noisy := 0, 0
	begin := time.Now()
	for good := 0; good < *rounds; {
		busy, own, wall := cpuBusy(), cpuOwn(*pids), time.Now()
		found := m.round(ts)
		other := (cpuBusy() - busy) - (cpuOwn(*pids) - own)
		if other > *quiet*time.Since(wall).Seconds()+0.02 {
			if time.Since(begin) < *limit {
				dropped++
				continue
			}
			noisy++
		}
		good++
		for tg, byVerb := range found {
			for verb, lat := range byVerb {
				tg.lat[verb] = append(tg.lat[verb], lat...)
			}
		}
	}
	var rows []row
	for _, tg := range ts {
		for _, verb := range verbs {
			s := tg.lat[verb]
			sort.Float64s(s)
			rows = append(rows, row{*mode, tg.name, verb, *size, len(s), len(requests[0].body), m.answer[tg.name+verb],
				pct(s, 50), pct(s, 99), pct(s, 99.9), s[len(s)-1], dropped, noisy})
		}
	}
	out, _ := json.Marshal(rows)
	os.Stdout.Write(append(out, '\n'))
}

var verbs = []string{"filter", "prioritize"}

type measurement struct {
	mode        string
	block, warm int
	requests    []request
	rng         *rand.Rand
	buf         []byte
	answer      map[string]int
}

func (m *measurement) round(ts []*target) map[*target]map[string][]float64 {
	found := map[*target]map[string][]float64{}
	for _, i := range m.rng.Perm(len(ts)) {
		tg := ts[i]
		found[tg] = map[string][]float64{}
		for k := -m.warm; k < m.block; k++ {
			r := m.requests[m.rng.Intn(len(m.requests))]
			for _, verb := range verbs {
				var d time.Duration
				if m.mode == "full" {
					d = callFull(tg, verb, r)
				} else {
					d, m.answer[tg.name+verb] = callBytes(tg, verb, r, m.buf)
				}
				if k >= 0 {
					found[tg][verb] = append(found[tg][verb], float64(d.Nanoseconds())/1e3)
				}
			}
		}
	}
	return found
}
