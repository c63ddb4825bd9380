#[path = "../tests/support/mod.rs"]
mod support;
use support::Rng;
use std::time::Instant;
use zkmargin_arith::{curve::{Affine,Curve}, g1::G1, g2::G2, msm::{fixed::FixedBase, sum_points}};
fn go<C: Curve>(name:&str,n:usize){ let s=Rng(2).frs(n); let p:Vec<Affine<C>>=FixedBase::new(&C::generator(),n).mul_all(&s);
 let mut best=1e9; for _ in 0..20 { let t=Instant::now(); std::hint::black_box(sum_points(&p)); best=f64::min(best,t.elapsed().as_nanos() as f64/n as f64);} println!("{name} {n} ns per add {best:.1}"); }
fn main(){ for n in [4096,16384,65536] { go::<G1>("G1",n); go::<G2>("G2",n);} }
