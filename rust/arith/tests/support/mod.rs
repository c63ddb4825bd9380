//! Random values from a fixed seed, and a synthetic circuit, for tests and benchmarks.
#![allow(dead_code, reason = "every test file uses a part")]

use zkmargin_arith::fr::Fr;

/// SplitMix64: reproducible, not for secrets.
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.next() as u8)
    }

    pub fn fr(&mut self) -> Fr {
        Fr::from_bytes_wide(&self.bytes())
    }

    pub fn frs(&mut self, count: usize) -> Vec<Fr> {
        (0..count).map(|_| self.fr()).collect()
    }
}

/// A linear combination.
type Terms = Vec<(u32, Fr)>;

/// A circuit under construction, with its witness.
pub struct Circuit {
    pub n_public: usize,
    pub witness: Vec<Fr>,
    pub constraints: Vec<[Terms; 3]>,
}

impl Circuit {
    fn value(&self, terms: &Terms) -> Fr {
        terms.iter().map(|(wire, c)| self.witness[*wire as usize] * *c).sum()
    }

    fn multiply(&mut self, a: Terms, b: Terms) -> u32 {
        let out = self.witness.len() as u32;
        self.witness.push(self.value(&a) * self.value(&b));
        self.constraints.push([a, b, vec![(out, Fr::ONE)]]);
        out
    }

    /// About `n_constraints`, 70% of them booleans: groups of 64 bits, their packing, 27 products.
    pub fn synthetic(n_constraints: usize, n_public: usize, seed: u64) -> Self {
        Self::of_values(n_constraints, n_public, seed, seed)
    }

    /// The same circuit with other public inputs and bits.
    pub fn of_values(n_constraints: usize, n_public: usize, seed: u64, values: u64) -> Self {
        let (mut rng, mut values) = (Rng(seed), Rng(!values));
        let mut circuit = Self { n_public, witness: vec![Fr::ONE], constraints: Vec::new() };
        circuit.witness.extend(values.frs(n_public));
        let (mut x, mut y) = (0u32, 1u32);
        while circuit.constraints.len() < n_constraints {
            let mut packed = Vec::new();
            for i in 0..64 {
                let wire = circuit.witness.len() as u32;
                circuit.witness.push(Fr::from_u64(values.next() & 1));
                let one = vec![(wire, Fr::ONE)];
                circuit.constraints.push([one.clone(), vec![(wire, Fr::ONE), (0, -Fr::ONE)], Vec::new()]);
                packed.push((wire, Fr::from_u64(1 << i)));
            }
            let packed = circuit.multiply(packed, vec![(0, Fr::ONE)]);
            for _ in 0..27 {
                let a = vec![(x, Fr::ONE), (packed, rng.fr())];
                let b = vec![(y, Fr::from_u64(3)), (1 + rng.next() as u32 % n_public as u32, Fr::ONE)];
                (x, y) = (y, circuit.multiply(a, b));
            }
        }
        circuit.constraints.truncate(n_constraints);
        circuit
    }

    /// The `.r1cs` file.
    pub fn to_r1cs(&self) -> Vec<u8> {
        let mut header = vec![32, 0, 0, 0];
        Fr::MODULUS.iter().for_each(|limb| header.extend(limb.to_le_bytes()));
        let n_wires = self.witness.len();
        let counts = [n_wires, 0, self.n_public, n_wires - 1 - self.n_public];
        counts.iter().for_each(|count| header.extend((*count as u32).to_le_bytes()));
        header.extend((n_wires as u64).to_le_bytes());
        header.extend((self.constraints.len() as u32).to_le_bytes());
        let mut body = Vec::new();
        for terms in self.constraints.iter().flatten() {
            body.extend((terms.len() as u32).to_le_bytes());
            for (wire, coefficient) in terms {
                body.extend(wire.to_le_bytes());
                body.extend(coefficient.to_bytes_le());
            }
        }
        let labels: Vec<u8> = (0..n_wires as u64).flat_map(u64::to_le_bytes).collect();
        let mut out = b"r1cs\x01\0\0\0\x03\0\0\0".to_vec();
        for (id, content) in [(1u32, header), (2, body), (3, labels)] {
            out.extend(id.to_le_bytes());
            out.extend((content.len() as u64).to_le_bytes());
            out.extend(content);
        }
        out
    }

    pub fn public_inputs(&self) -> &[Fr] {
        &self.witness[1..=self.n_public]
    }
}
