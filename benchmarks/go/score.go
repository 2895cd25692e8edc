package main

import "math"

// Columns: the same deterministic synthetic node table in Go and in Python.
type Columns struct {
	n                                                                                                         int
	allocCPU, usedCPU, allocMem, usedMem, gpuTot, gpuUsed, pIdle, pMax, carbon, price, temp, rtt, dTot, dUsed []float64
	zone, fails, pods, maxPods                                                                                []int32
	taint                                                                                                     []uint64
	ready                                                                                                     []uint8
}

func splitmix(x uint64) uint64 {
	x += 0x9E3779B97F4A7C15
	x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9
	x = (x ^ (x >> 27)) * 0x94D049BB133111EB
	return x ^ (x >> 31)
}
func u01(i, k int) float64 { return float64(splitmix(uint64(i)*32+uint64(k))>>11) / (1 << 53) }

func NewColumns(n int) *Columns {
	c := &Columns{n: n}
	mk := func() []float64 { return make([]float64, n) }
	c.allocCPU, c.usedCPU, c.allocMem, c.usedMem, c.gpuTot, c.gpuUsed = mk(), mk(), mk(), mk(), mk(), mk()
	c.pIdle, c.pMax, c.carbon, c.price, c.temp, c.rtt, c.dTot, c.dUsed = mk(), mk(), mk(), mk(), mk(), mk(), mk(), mk()
	c.zone, c.fails, c.pods, c.maxPods = make([]int32, n), make([]int32, n), make([]int32, n), make([]int32, n)
	c.taint, c.ready = make([]uint64, n), make([]uint8, n)
	for i := 0; i < n; i++ {
		c.allocCPU[i] = 8000 + 24000*u01(i, 0)
		c.usedCPU[i] = c.allocCPU[i] * (0.2 + 0.7*u01(i, 1))
		c.allocMem[i] = (16 + 48*u01(i, 2)) * (1 << 30)
		c.usedMem[i] = c.allocMem[i] * (0.2 + 0.7*u01(i, 3))
		c.gpuTot[i] = math.Floor(8 * u01(i, 4))
		c.gpuUsed[i] = math.Floor(c.gpuTot[i] * u01(i, 5))
		c.pIdle[i] = 80 + 40*u01(i, 6)
		c.pMax[i] = 300 + 200*u01(i, 7)
		c.carbon[i] = 50 + 600*u01(i, 8)
		c.price[i] = 0.05 + u01(i, 9)
		c.temp[i] = 35 + 40*u01(i, 10)
		c.rtt[i] = 5 * u01(i, 11)
		c.dTot[i] = 100 + 900*u01(i, 12)
		c.dUsed[i] = c.dTot[i] * u01(i, 13)
		c.zone[i] = int32(3 * u01(i, 14))
		c.fails[i] = int32(10 * u01(i, 15))
		c.pods[i] = int32(100 * u01(i, 16))
		c.maxPods[i] = 110
		if u01(i, 17) < 1.0/17 {
			c.taint[i] = 1
		}
		if u01(i, 18) >= 0.02 {
			c.ready[i] = 1
		}
	}
	return c
}

var reasons = [...]string{"", "node not ready", "untolerated taint", "insufficient cpu", "insufficient memory", "too many pods", "node too hot"}

type PodFeat struct {
	cpu, mem, gpu float64
	tol           uint64
	zone          int32
}

func podFeatures(p *Pod) PodFeat {
	var f PodFeat
	f.zone = 1
	for i := range p.Spec.Containers {
		for k, q := range p.Spec.Containers[i].Resources.Requests {
			switch k {
			case "cpu":
				f.cpu += q.Float() * 1000
			case "memory":
				f.mem += q.Float()
			case "nvidia.com/gpu":
				f.gpu += q.Float()
			}
		}
	}
	for i := range p.Spec.Tolerations {
		if p.Spec.Tolerations[i].Key == "dedicated" {
			f.tol |= 1
		}
	}
	return f
}

func (c *Columns) filter(i int, f *PodFeat) int {
	switch {
	case c.ready[i] == 0:
		return 1
	case c.taint[i]&^f.tol != 0:
		return 2
	case c.usedCPU[i]+f.cpu > c.allocCPU[i]:
		return 3
	case c.usedMem[i]+f.mem > c.allocMem[i]:
		return 4
	case c.pods[i] >= c.maxPods[i]:
		return 5
	case c.temp[i] > 74:
		return 6
	}
	return 0
}

var weights = [12]float64{1, 1, 1, 2, 1, 2, 1, 1, 0.5, 1, 1, 0.5}

func (c *Columns) score(i int, f *PodFeat) int64 {
	fc := (c.usedCPU[i] + f.cpu) / c.allocCPU[i]
	fm := (c.usedMem[i] + f.mem) / c.allocMem[i]
	s := weights[0]*(1-fc) + weights[1]*(1-fm) + weights[2]*(1-math.Abs(fc-fm))
	if c.gpuTot[i] > 0 {
		s += weights[3] * c.gpuUsed[i] / c.gpuTot[i]
	} else if f.gpu == 0 {
		s += weights[3]
	}
	s += weights[4] / (1 + (c.pMax[i]-c.pIdle[i])*f.cpu/c.allocCPU[i]/10)
	s += weights[5] * (1 - (c.carbon[i]-50)/600)
	s += weights[6] / (1 + c.price[i])
	t := (75 - c.temp[i]) / 40
	if t < 0 {
		t = 0
	}
	s += weights[7] * t
	s += weights[8] * math.Exp(-c.rtt[i])
	s += weights[9] / (1 + float64(c.fails[i]))
	if c.zone[i] == f.zone {
		s += weights[10]
	}
	s += weights[11] * (1 - float64(c.pods[i])/float64(c.maxPods[i]))
	r := int64(s/13*10 + 0.5)
	if r > 10 {
		r = 10
	}
	if r < 0 {
		r = 0
	}
	return r
}
