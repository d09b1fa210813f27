//! Plans: what is copied, from where, and what is not worth it.

use delta::plan::{Origin, plan_copies};
use proptest::prelude::*;

use crate::edits::{edited, file, map, noise, slice};

#[test]
fn an_unchanged_file_is_one_copy() {
    let file = map(&[noise(1, 300_000), vec![0; 600_000], noise(2, 300_000)].concat());
    let plan = plan_copies(&file, &[&file], 1);
    assert_eq!(plan.steps().len(), 1);
    assert_eq!(plan.steps()[0].origin, Origin::Base { base: 0, offset: 0 });
    assert_eq!((plan.copied_bytes(), plan.new_bytes()), (1_200_000, 0));
}

#[test]
fn a_byte_in_the_middle_makes_few_bytes_new() {
    let base = noise(1, 2_000_000);
    let mut target = base.clone();
    target.insert(1_000_000, 0);
    let plan = plan_copies(&map(&target), &[&map(&base)], 1);
    assert_eq!(plan.steps().len(), 3);
    assert!(plan.new_bytes() < 256 << 10, "{}", plan.new_bytes());
}

#[test]
fn the_first_base_that_has_a_chunk_is_taken() {
    let (one, two) = (noise(1, 500_000), noise(2, 500_000));
    let both = [&one[..], &two].concat();
    let plan = plan_copies(&map(&one), &[&map(&two), &map(&one), &map(&both)], 1);
    assert_eq!(plan.steps()[0].origin, Origin::Base { base: 1, offset: 0 });
    assert_eq!(plan.new_bytes(), 0);
}

#[test]
fn a_short_copy_is_sent_with_its_neighbours() {
    let shared = noise(1, 200_000);
    let target = [noise(2, 500_000), shared.clone(), noise(3, 500_000)].concat();
    let (target, base) = (map(&target), map(&shared));
    assert!(plan_copies(&target, &[&base], 1).copied_bytes() > 0);
    let plan = plan_copies(&target, &[&base], 200_001);
    assert_eq!((plan.steps().len(), plan.copied_bytes()), (1, 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_plan_makes_the_target_of_its_bases(
        (base, target) in edited(),
        other in file(),
        min_copy in 0..100_000_u64,
    ) {
        let bases = [other, base];
        let plan = plan_copies(&map(&target), &[&map(&bases[0]), &map(&bases[1])], min_copy);
        let mut end = 0;
        for step in plan.steps() {
            prop_assert_eq!(step.target.start, end);
            end = step.target.end;
            if let Origin::Base { base, offset } = step.origin {
                prop_assert!(step.n_bytes() >= min_copy);
                let there = slice(&bases[base], offset..offset + step.n_bytes());
                prop_assert!(slice(&target, step.target.clone()) == there);
            }
        }
        prop_assert_eq!(end, target.len() as u64);
        prop_assert_eq!(plan.copied_bytes() + plan.new_bytes(), end);
    }

    #[test]
    fn the_parts_of_a_plan_are_the_plan((base, target) in edited(), cut in any::<prop::sample::Index>()) {
        let plan = plan_copies(&map(&target), &[&map(&base)], 1);
        let size = target.len() as u64;
        let cut = cut.index(target.len() + 1) as u64;
        let (front, back) = (plan.part(&(0..cut)), plan.part(&(cut..size)));
        prop_assert_eq!(front.copied_bytes() + back.copied_bytes(), plan.copied_bytes());
        prop_assert_eq!(front.new_bytes() + back.new_bytes(), plan.new_bytes());
        prop_assert_eq!(plan.part(&(0..size)), plan);
    }
}
