"""A planted fault for every rule of sign-off: the test in which the rule must fail (tests/conftest.py watches it)."""

PLANTED = {
    "file.3mf": "tests/test_judge_files.py::test_a_3mf_that_is_not_the_parts_fails_though_its_hash_is_right[a",
    "file.assembly": "tests/test_judge_files.py::test_an_assembly_that_is_not_the_parts_fails_though_its_hash_is_right",
    "file.count": "tests/test_judge_files.py::test_a_plate_that_is_gone_or_holds_a_part_of_another_is_named",
    "file.hash": (
        "tests/test_judge_files.py::test_a_companion_that_is_not_as_compiled_or_is_gone_is_named[assembly.stl]"
    ),
    "file.missing": (
        "tests/test_judge_files.py::test_a_companion_that_is_not_as_compiled_or_is_gone_is_named[assembly.stl]"
    ),
    "file.netlist": (
        "tests/test_judge_files.py::test_a_netlist_that_is_not_the_network_fails_though_its_hash_is_right[a"
    ),
    "file.plate": "tests/test_judge_files.py::test_a_3mf_that_is_not_the_parts_fails_though_its_hash_is_right[a",
    "file.read": "tests/test_judge_files.py::test_the_page_of_a_folder_that_holds_nonsense_keeps_no_verdict_back",
    "file.samples": "tests/test_judge_files.py::test_nonsense_is_a_finding_and_comes_first[samples",
    "file.unlisted": (
        "tests/test_judge_files.py::test_a_companion_that_is_not_as_compiled_or_is_gone_is_named[assembly.stl]"
    ),
    "manifest.count": "tests/test_judge_files.py::test_nonsense_is_a_finding_and_comes_first[a",
    "manifest.file": "tests/test_judge_files.py::test_nonsense_is_a_finding_and_comes_first[a",
    "manifest.input_max": "tests/test_judge_files.py::test_nonsense_is_a_finding_and_comes_first[fullest",
    "manifest.label": "tests/test_judge_files.py::test_names_exchanged_everywhere_fail_against_the_design_alone",
    "manifest.name": "tests/test_judge_files.py::test_nonsense_is_a_finding_and_comes_first[two",
    "manifest.port": "tests/test_judge_files.py::test_nonsense_is_a_finding_and_comes_first[a",
    "manifest.scaling": (
        "tests/test_judge_files.py::test_the_judge_scales_the_data_by_itself_and_knows_what_each_jug_stands_for"
    ),
    "manifest.transform": "tests/test_judge_files.py::test_nonsense_is_a_finding_and_comes_first[a",
    "source.choice": "tests/test_judge_files.py::test_another_checkpoint_or_design_than_was_compiled_fails",
    "source.data": "tests/test_judge_files.py::test_a_compiler_that_scales_the_data_otherwise_fails",
    "source.file": "tests/test_judge_files.py::test_another_checkpoint_or_design_than_was_compiled_fails",
    "source.names": "tests/test_judge_files.py::test_another_checkpoint_or_design_than_was_compiled_fails",
    "source.process": "tests/test_judge_files.py::test_settings_given_to_compile_are_given_to_verify",
    "source.readout": "tests/test_readouts.py::test_a_folder_that_reads_otherwise_than_asked_is_found",
    "source.residue": "tests/test_flush.py::test_the_judge_names_a_flush_that_was_read_as_a_weir",
    "source.scaling": (
        "tests/test_judge_files.py::test_the_judge_scales_the_data_by_itself_and_knows_what_each_jug_stands_for"
    ),
    "source.shape": "tests/test_rules.py::test_a_network_of_another_shape_than_the_checkpoint_is_named_as_such",
    "source.share": (
        "tests/test_judge_files.py::test_another_network_fails_even_with_its_hashes_in_the_manifest[checkpoint]"
    ),
    "source.threshold": "tests/test_judge_files.py::test_another_checkpoint_or_design_than_was_compiled_fails",
    "lower.added": "tests/test_judge_files.py::test_a_share_added_where_none_was_trained_fails",
    "lower.dropped": "tests/test_judge_files.py::test_a_compiler_that_lowers_wrongly_fails_by_its_fault[drops",
    "lower.shape": "tests/test_judge_files.py::test_another_checkpoint_or_design_than_was_compiled_fails",
    "lower.share": (
        "tests/test_judge_files.py::test_another_network_fails_even_with_its_hashes_in_the_manifest[checkpoint]"
    ),
    "lower.threshold": (
        "tests/test_judge_files.py::test_another_network_fails_even_with_its_hashes_in_the_manifest[checkpoint]"
    ),
    "mesh.bed": "tests/test_signoff_faults.py::test_every_fault_in_a_card_over_two_gutters_is_caught_and_named",
    "mesh.bodies": "tests/test_signoff_faults.py::test_every_fault_in_a_card_over_two_gutters_is_caught_and_named",
    "mesh.closed": "tests/test_signoff_faults.py::test_every_fault_in_a_card_over_two_gutters_is_caught_and_named",
    "mesh.collide": "tests/test_signoff.py::test_parts_in_each_others_way_are_named_as_a_pair",
    "mesh.degenerate": "tests/test_signoff_faults.py::test_every_fault_in_a_card_over_two_gutters_is_caught_and_named",
    "mesh.duplicate": "tests/test_signoff_faults.py::test_every_fault_in_a_card_over_two_gutters_is_caught_and_named",
    "mesh.file": "tests/test_judge_files.py::test_a_part_that_can_t_be_read_is_the_first_line_and_its_water_is_skipped",
    "mesh.genus": "tests/test_signoff_faults.py::test_every_fault_in_a_card_over_two_gutters_is_caught_and_named",
    "mesh.intersect": "tests/test_signoff_faults.py::test_every_fault_in_a_card_over_two_gutters_is_caught_and_named",
    "mesh.oriented": "tests/test_signoff_faults.py::test_every_fault_in_a_card_over_two_gutters_is_caught_and_named",
    "mesh.unit": "tests/test_signoff_faults.py::test_every_fault_in_a_card_over_two_gutters_is_caught_and_named",
    "mesh.volume": "tests/test_signoff_faults.py::test_every_fault_in_a_card_over_two_gutters_is_caught_and_named",
    "flow.climb": "tests/test_signoff_flow.py::test_a_tray_in_which_no_water_is_seen_has_not_passed",
    "flow.depth": "tests/test_signoff_flow.py::test_a_tray_in_which_no_water_is_seen_has_not_passed",
    "flow.inlet": "tests/test_signoff_flow.py::test_a_baffle_that_is_cut_away_lets_the_jet_see_the_comb",
    "flow.reach": "tests/test_signoff_flow.py::test_water_of_the_first_device_flies_past_its_gutters",
    "hands.path": "tests/test_signoff_hands.py::test_a_shelf_over_a_card_or_a_wall_before_a_cup_shuts_it_in",
    "hands.slack": "tests/test_signoff.py::test_parts_in_each_others_way_are_named_as_a_pair",
    "hands.stand": "tests/test_signoff_hands.py::test_what_hangs_in_the_air_is_named_by_how_far[card-L0-b0]",
    "read.label": "tests/test_signoff_read.py::test_a_maker_that_writes_mirrored_is_found",
    "read.level": (
        "tests/test_signoff_read.py::test_a_cup_with_a_raised_floor_or_a_narrower_inside_is_not_compared_by_level"
    ),
    "read.marks": "tests/test_signoff_read.py::test_levels_of_the_first_device_told_nothing_and_its_marks_too_little",
    "read.ruler": (
        "tests/test_signoff_read.py::test_a_line_of_another_priming_volume_and_a_jug_of_another_section_are_found"
    ),
    "lvs.extra": "tests/test_signoff_faults.py::test_every_fault_in_a_card_over_two_gutters_is_caught_and_named",
    "lvs.flow": "tests/test_signoff_edited.py::test_a_mouth_that_openscad_plugged_is_named",
    "lvs.level": "tests/test_signoff_edited.py::test_a_sill_that_openscad_cut_lower_is_named_at_its_tooth",
    "lvs.missing": "tests/test_signoff_reexport.py::test_one_part_in_inches_is_told_among_others",
    "lvs.open": "tests/test_signoff_edited.py::test_a_mouth_that_openscad_plugged_is_named",
    "lvs.retained": "tests/test_signoff_edited.py::test_a_sill_that_openscad_cut_lower_is_named_at_its_tooth",
    "lvs.section": "tests/test_signoff_naming.py::test_no_naming_makes_another_network_fit",
    "lvs.share": "tests/test_signoff_edited.py::test_a_mouth_that_openscad_plugged_is_named",
    "lvs.short": "tests/test_signoff_naming.py::test_two_units_of_one_water_are_a_short_and_not_a_missing_unit",
    "lvs.siphon": "tests/test_siphon_card.py::test_a_bore_wholly_blocked_leaves_the_branch_without_water",
    "lvs.threshold": "tests/test_siphon_card.py::test_a_maker_with_other_physics_of_priming_fails_the_threshold",
    "lvs.tooth": "tests/test_judge.py::test_a_fault_in_the_makers_water_fails_by_a_rule_that_names_it[capillary",
    "drc.blade": "tests/test_signoff_faults.py::test_every_fault_in_a_card_over_two_gutters_is_caught_and_named",
    "drc.breach": "tests/test_signoff_faults.py::test_every_fault_in_a_card_over_two_gutters_is_caught_and_named",
    "drc.bridge": "tests/test_signoff_faults.py::test_every_fault_in_a_card_over_two_gutters_is_caught_and_named",
    "drc.comb": "tests/test_signoff_faults.py::test_every_fault_in_a_card_over_two_gutters_is_caught_and_named",
    "drc.freeboard": "tests/test_signoff_faults.py::test_every_fault_in_a_card_over_two_gutters_is_caught_and_named",
    "drc.gap": "tests/test_signoff_faults.py::test_every_fault_in_a_card_over_two_gutters_is_caught_and_named",
    "drc.island": "tests/test_signoff_faults.py::test_every_fault_in_a_card_over_two_gutters_is_caught_and_named",
    "drc.overhang": "tests/test_signoff_faults.py::test_every_fault_in_a_card_over_two_gutters_is_caught_and_named",
    "drc.puddle": "tests/test_signoff_faults.py::test_every_fault_in_a_card_over_two_gutters_is_caught_and_named",
    "drc.slope": "tests/test_signoff_faults.py::test_every_fault_in_a_card_over_two_gutters_is_caught_and_named",
    "drc.spout_gap": "tests/test_signoff_faults.py::test_every_fault_in_a_card_over_two_gutters_is_caught_and_named",
    "drc.stray": "tests/test_signoff_faults.py::test_every_fault_in_a_card_over_two_gutters_is_caught_and_named",
    "drc.trapped": "tests/test_signoff_faults.py::test_every_fault_in_a_card_over_two_gutters_is_caught_and_named",
    "drc.wall": "tests/test_signoff_faults.py::test_every_fault_in_a_card_over_two_gutters_is_caught_and_named",
    "mass.leak": "tests/test_signoff_faults.py::test_every_fault_in_a_card_over_two_gutters_is_caught_and_named",
    "mass.recovered": "tests/test_signoff_faults.py::test_every_fault_in_a_card_over_two_gutters_is_caught_and_named",
    "equivalence.bound": "tests/test_signoff_naming.py::test_no_naming_makes_another_network_fit",
    "equivalence.data": "tests/test_judge_files.py::test_answers_that_changed_count_whichever_way",
    "equivalence.lowering": "tests/test_judge_files.py::test_a_stated_bound_that_lowering_exceeds_fails",
    "equivalence.readout": (
        "tests/test_readouts.py::test_a_share_astray_moves_the_number_beyond_its_limit_and_no_further_than_it_must"
    ),
}
