//! The line in front of the upstream through any history, on paper: whoever stands in it is sent once
//! or leaves, in its turn, and no faster than the budgets allow.

use crate::queue_play::CLASSES;
use crate::queue_play::Play;
use crate::queue_play::histories;
use crate::queue_play::terms;
use crate::queue_play::unpaced;
use proptest::collection::vec;
use proptest::prelude::*;
use verifik_gateway::policy::budget::Rate;
use verifik_gateway::policy::class::Class;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Nor is one of a credential and class sent before another that came first, and the interactive
    /// places are kept.
    #[test]
    fn no_place_in_line_is_lost_or_given_out_twice(terms in terms(), steps in histories()) {
        let mut play = Play::new(terms);
        for step in steps {
            play.step(step);
        }
        play.end();
        prop_assert_eq!((play.line.waiting(), play.line.under_way()), (0, 0));
    }

    #[test]
    fn no_more_go_than_the_rates_allow(terms in terms(), steps in histories()) {
        let mut play = Play::new(terms);
        for step in steps {
            play.step(step);
        }
        play.end();
        if let Some(rate) = terms.total_rate {
            play.kept_to(rate, None)?;
        }
        if let Rate::PerSecond(rate) = terms.budget.rate {
            for who in 0..4 {
                play.kept_to(rate, Some(who))?;
            }
        }
    }

    /// Whoever has both classes has a batch turn in any five of its own; while somebody has nothing
    /// but batches, so have all together. And the interactive class keeps three fifths at least.
    #[test]
    fn the_batch_class_has_its_turns_and_leaves_the_interactive_class_most(
        standing in vec((0_usize..5, any::<bool>()), 1..40),
    ) {
        let mut play = Play::new(unpaced(4));
        for (who, urgent) in standing.iter().copied().chain([(0, true), (1, false)]) {
            play.stands(who, if urgent { Class::Interactive } else { Class::Batch });
        }
        let has = |who, urgent| (who, urgent) == (0, true) || (who, urgent) == (1, false)
            || standing.contains(&(who, urgent));
        let turns = play.turns(200);
        let batch = |turns: &[(usize, Class)]| {
            turns.iter().filter(|(_, class)| *class == Class::Batch).count()
        };
        for who in (0..5).filter(|who| has(*who, true) && has(*who, false)) {
            let own: Vec<_> = turns.iter().filter(|(sent, _)| *sent == who).copied().collect();
            prop_assert!(own.windows(5).all(|five| batch(five) > 0), "{who}: {turns:?}");
        }
        if (0..5).any(|who| has(who, false) && !has(who, true)) {
            prop_assert!(turns.windows(5).all(|five| batch(five) > 0), "{turns:?}");
        }
        prop_assert!(batch(&turns) <= 80, "{turns:?}");
    }

    /// Between credentials that always wait, with whatever classes, turns are shared evenly.
    #[test]
    fn credentials_take_turns(classes in vec(vec(0_usize..2, 1..6), 2..7)) {
        let mut play = Play::new(unpaced(4));
        for (who, classes) in classes.iter().enumerate() {
            // All have some of one class, so that nobody goes first for being the only urgent one.
            play.stands(who, Class::Interactive);
            for class in classes {
                play.stands(who, CLASSES[*class]);
            }
        }
        let mut sent = vec![0_usize; classes.len()];
        play.turns(classes.len() * 20).iter().for_each(|(who, _)| sent[*who] += 1);
        let (least, most) = (sent.iter().min().unwrap(), sent.iter().max().unwrap());
        prop_assert!(most - least <= 1 + sent.len() / 4, "{sent:?}");
    }
}

#[test]
fn of_one_credential_exactly_every_fifth_turn_is_the_batch_class_s_while_both_wait() {
    for (interactive, batch) in [(1, 1), (1, 9), (9, 1), (9, 9)] {
        let mut play = Play::new(unpaced(4));
        (0..interactive).for_each(|_| play.stands(0, Class::Interactive));
        (0..batch).for_each(|_| play.stands(0, Class::Batch));
        play.stands(0, Class::Background);
        for (number, (_, class)) in (1..).zip(play.turns(50)) {
            let expected = if number % 5 == 0 { Class::Batch } else { Class::Interactive };
            assert_eq!(class, expected, "turn {number} of {interactive} and {batch}");
        }
    }
}

#[test]
fn whoever_is_interactive_finds_a_place_beside_any_batch() {
    for places in 4..40 {
        let mut play = Play::new(unpaced(places));
        for who in 0..100 {
            play.stands(who % 3, CLASSES[1 + who % 2]);
        }
        play.send();
        let batch = play.under_way.len();
        assert_eq!(batch, places - places / 4, "{places}");
        for more in 0..=places / 4 {
            play.stands(more, Class::Interactive);
            play.send();
        }
        assert_eq!(
            (play.under_way.len(), play.waiting.len()),
            (places, 100 - batch + 1),
            "{places}"
        );
        let urgent = play.waiting.values().filter(|(_, class)| *class == Class::Interactive);
        assert_eq!(urgent.count(), 1, "{places}");
    }
}
