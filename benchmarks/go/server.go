package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
)

// extender is the baseline: a lock, a map from name to row, columns.
type extender struct {
	mu   sync.RWMutex
	rows map[string]int
	cols *Columns
	// spare: the rules are worked out for every node, and nobody is rejected. The policy that is measured
	// beside it keeps every node, so the answers are then alike.
	spare bool
}

func newExtender(names []string, spare bool) *extender {
	e := &extender{rows: make(map[string]int, len(names)), cols: NewColumns(len(names)), spare: spare}
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

// candidates: the names asked about, and their objects if objects came.
type candidates struct {
	pod   PodFeat
	names []string
	nodes *NodeList
}

func decode(w http.ResponseWriter, r *http.Request) (*candidates, bool) {
	var a ExtenderArgs
	if err := json.NewDecoder(r.Body).Decode(&a); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return nil, false
	}
	if a.Pod == nil || (a.NodeNames == nil) == (a.Nodes == nil) {
		http.Error(w, "want Pod and one of NodeNames and Nodes", http.StatusBadRequest)
		return nil, false
	}
	c := &candidates{pod: podFeatures(a.Pod), nodes: a.Nodes}
	if a.NodeNames != nil {
		c.names = *a.NodeNames
		return c, true
	}
	for i := range a.Nodes.Items {
		c.names = append(c.names, a.Nodes.Items[i].Name)
	}
	return c, true
}

func (e *extender) filter(w http.ResponseWriter, r *http.Request) {
	c, ok := decode(w, r)
	if !ok {
		return
	}
	res := ExtenderFilterResult{FailedNodes: map[string]string{}, FailedAndUnresolvableNodes: map[string]string{}}
	kept := make([]int, 0, len(c.names))
	e.mu.RLock()
	for at, n := range c.names {
		i, known := e.rows[n]
		if !known {
			res.FailedNodes[n] = "unknown node"
			continue
		}
		if code := e.cols.filter(i, &c.pod); code != 0 && !e.spare {
			res.FailedNodes[n] = reasons[code]
			continue
		}
		kept = append(kept, at)
	}
	e.mu.RUnlock()
	c.answer(&res, kept)
	send(w, &res)
}

// answer in the form that was asked.
func (c *candidates) answer(res *ExtenderFilterResult, kept []int) {
	if c.nodes != nil {
		res.Nodes = &NodeList{Items: make([]Node, 0, len(kept))}
		for _, at := range kept {
			res.Nodes.Items = append(res.Nodes.Items, c.nodes.Items[at])
		}
		return
	}
	names := make([]string, 0, len(kept))
	for _, at := range kept {
		names = append(names, c.names[at])
	}
	res.NodeNames = &names
}

func (e *extender) prioritize(w http.ResponseWriter, r *http.Request) {
	c, ok := decode(w, r)
	if !ok {
		return
	}
	res := make(HostPriorityList, 0, len(c.names))
	e.mu.RLock()
	for _, n := range c.names {
		score := int64(0)
		if i, known := e.rows[n]; known {
			score = e.cols.score(i, &c.pod)
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
	spare := fs.Bool("spare", false, "work the rules out and reject nobody")
	cert := fs.String("cert", "", "PEM file: serve TLS with this certificate")
	key := fs.String("key", "", "its private key")
	authority := fs.String("client-ca", "", "PEM file: require client certificates of this authority")
	fs.Parse(args)
	e := newExtender(readNames(*namesPath), *spare)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /filter", e.filter)
	mux.HandleFunc("POST /prioritize", e.prioritize)
	ln, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Handler: mux}
	if *cert == "" {
		log.Fatal(server.Serve(ln))
	}
	server.TLSConfig = serverTLS(*authority)
	log.Fatal(server.ServeTLS(ln, *cert, *key))
}

func serverTLS(authority string) *tls.Config {
	c := &tls.Config{}
	if authority != "" {
		pem, err := os.ReadFile(authority)
		if err != nil {
			log.Fatal(err)
		}
		c.ClientCAs = x509.NewCertPool()
		c.ClientCAs.AppendCertsFromPEM(pem)
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return c
}
