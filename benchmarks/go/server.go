package main

import (
	"encoding/json"
	"flag"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
)

func readNames(path string) []string {
	b, err := os.ReadFile(path)
	if err != nil {
		log.Fatal(err)
	}
	var names []string
	if err := json.Unmarshal(b, &names); err != nil {
		log.Fatal(path, ": ", err)
	}
	return names
}

// extender is the baseline: a lock, a map from name to row, columns.
type extender struct {
	mu   sync.RWMutex
	rows map[string]int
	cols *Columns
}

func newExtender(names []string) *extender {
	e := &extender{rows: make(map[string]int, len(names)), cols: NewColumns(len(names))}
	for i, n := range names {
		e.rows[n] = i
	}
	return e
}

func send(w http.ResponseWriter, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(http.StatusOK)
	w.Write(b)
}

func decode(w http.ResponseWriter, r *http.Request) (PodFeat, []string, bool) {
	var a ExtenderArgs
	if err := json.NewDecoder(r.Body).Decode(&a); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return PodFeat{}, nil, false
	}
	if a.Pod == nil || a.NodeNames == nil {
		http.Error(w, "want Pod and NodeNames", http.StatusBadRequest)
		return PodFeat{}, nil, false
	}
	return podFeatures(a.Pod), *a.NodeNames, true
}

func (e *extender) filter(w http.ResponseWriter, r *http.Request) {
	f, names, ok := decode(w, r)
	if !ok {
		return
	}
	res := ExtenderFilterResult{FailedNodes: map[string]string{}, FailedAndUnresolvableNodes: map[string]string{}}
	kept := make([]string, 0, len(names))
	e.mu.RLock()
	for _, n := range names {
		i, known := e.rows[n]
		if !known {
			res.FailedNodes[n] = "unknown node"
			continue
		}
		if c := e.cols.filter(i, &f); c != 0 {
			res.FailedNodes[n] = reasons[c]
			continue
		}
		kept = append(kept, n)
	}
	e.mu.RUnlock()
	res.NodeNames = &kept
	send(w, &res)
}

func (e *extender) prioritize(w http.ResponseWriter, r *http.Request) {
	f, names, ok := decode(w, r)
	if !ok {
		return
	}
	res := make(HostPriorityList, 0, len(names))
	e.mu.RLock()
	for _, n := range names {
		score := int64(0)
		if i, known := e.rows[n]; known {
			score = e.cols.score(i, &f)
		}
		res = append(res, HostPriority{n, score})
	}
	e.mu.RUnlock()
	send(w, res)
}

// serverMain: the usual Go extender, net/http and encoding/json.
func serverMain(args []string) {
	fs := flag.NewFlagSet("server", flag.ExitOnError)
	addr := fs.String("addr", "127.0.0.1:0", "HOST:PORT")
	namesPath := fs.String("names", "", "JSON list of node names")
	fs.Parse(args)
	e := newExtender(readNames(*namesPath))
	mux := http.NewServeMux()
	mux.HandleFunc("POST /filter", e.filter)
	mux.HandleFunc("POST /prioritize", e.prioritize)
	ln, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal((&http.Server{Handler: mux}).Serve(ln))
}
