"""A planted fault for every rule of sign-off: the test in which the rule must fail (tests/conftest.py watches it)."""

WATCHED: dict[str, dict[str, tuple[str, ...]]] = {  # by file and test, with its case where it has several
    "test_flush": {
        "test_the_judge_names_a_flush_that_was_read_as_a_weir": ("source.residue",),
    },
    "test_judge": {
        "test_a_fault_in_the_makers_water_fails_by_a_rule_that_names_it[capillary length doubled]": ("lvs.tooth",),
        "test_a_fault_in_the_makers_water_fails_by_a_rule_that_names_it[the wall before the cells 3 mm lower]": (
            "flow.level",
        ),
    },
    "test_judge_files": {
        "test_a_3mf_that_is_not_the_parts_fails_though_its_hash_is_right[a part mirrored on its plate]": ("file.3mf",),
        "test_a_3mf_that_is_not_the_parts_fails_though_its_hash_is_right[a piece beyond the bed]": ("file.plate",),
        "test_an_assembly_that_is_not_the_parts_fails_though_its_hash_is_right": ("file.assembly",),
        "test_a_plate_that_is_gone_or_holds_a_part_of_another_is_named": ("file.count",),
        "test_a_companion_that_is_not_as_compiled_or_is_gone_is_named[assembly.stl]": (
            "file.hash",
            "file.missing",
            "file.unlisted",
        ),
        "test_a_netlist_that_is_not_the_network_fails_though_its_hash_is_right[a bucket that is none]": (
            "file.netlist",
        ),
        "test_the_page_of_a_folder_that_holds_nonsense_keeps_no_verdict_back": ("file.read",),
        "test_nonsense_is_a_finding_and_comes_first[a label between two cups]": ("file.samples",),
        "test_nonsense_is_a_finding_and_comes_first[a part of half a piece]": ("manifest.count",),
        "test_nonsense_is_a_finding_and_comes_first[a part outside the folder]": ("manifest.file",),
        "test_nonsense_is_a_finding_and_comes_first[a port missing]": ("manifest.port",),
        "test_nonsense_is_a_finding_and_comes_first[a transform of 1e308]": ("manifest.transform",),
        "test_nonsense_is_a_finding_and_comes_first[a row of the data beyond the jugs]": ("manifest.input_max",),
        "test_names_exchanged_everywhere_fail_against_the_design_alone": ("manifest.label",),
        "test_nonsense_is_a_finding_and_comes_first[two parts of one name]": ("manifest.name",),
        "test_the_judge_scales_the_data_by_itself_and_knows_what_each_jug_stands_for": (
            "manifest.scaling",
            "source.scaling",
        ),
        "test_another_checkpoint_or_design_than_was_compiled_fails": (
            "source.choice",
            "source.file",
            "source.names",
            "source.threshold",
            "lower.shape",
        ),
        "test_a_compiler_that_scales_the_data_otherwise_fails": ("source.data",),
        "test_settings_given_to_compile_are_given_to_verify": ("source.process",),
        "test_another_network_fails_even_with_its_hashes_in_the_manifest[checkpoint]": (
            "source.share",
            "lower.share",
            "lower.threshold",
        ),
        "test_a_share_added_where_none_was_trained_fails": ("lower.added",),
        "test_a_compiler_that_lowers_wrongly_fails_by_its_fault[drops a big share]": ("lower.dropped",),
        "test_a_part_that_can_t_be_read_is_the_first_line_and_its_water_is_skipped[card-L0-b0]": ("mesh.file",),
        "test_answers_that_changed_count_whichever_way": ("equivalence.data",),
        "test_a_stated_bound_that_lowering_exceeds_fails": ("equivalence.lowering",),
    },
    "test_readouts": {
        "test_a_folder_that_reads_otherwise_than_asked_is_found": ("source.readout",),
        "test_a_share_astray_moves_the_number_beyond_its_limit_and_no_further_than_it_must": ("equivalence.readout",),
    },
    "test_rules": {
        "test_a_network_of_another_shape_than_the_checkpoint_is_named_as_such": ("source.shape",),
    },
    "test_sheet": {
        "test_a_drawing_that_is_not_the_pieces_fails_though_its_hash_is_right[a corner of a line moved]": (
            "cut.drawing",
        ),
        "test_a_fault_in_the_maker_of_pieces_is_found[a warped piece]": ("cut.flat",),
        "test_a_fault_in_the_maker_of_pieces_is_found[loose slots]": ("cut.lap",),
        "test_pieces_drawn_over_each_other_or_beyond_the_sheet_are_named": ("cut.sheet",),
    },
    "test_signoff": {
        "test_parts_in_each_others_way_are_named_as_a_pair": (
            "mesh.collide",
            "hands.slack",
        ),
    },
    "test_signoff_edited": {
        "test_a_mouth_that_openscad_plugged_is_named": (
            "lvs.flow",
            "lvs.open",
            "lvs.share",
        ),
        "test_a_sill_that_openscad_cut_lower_is_named_at_its_tooth": (
            "lvs.level",
            "lvs.retained",
        ),
    },
    "test_signoff_faults": {
        "test_every_fault_in_a_card_over_two_gutters_is_caught_and_named": (
            "mesh.bed",
            "mesh.bodies",
            "mesh.closed",
            "mesh.degenerate",
            "mesh.duplicate",
            "mesh.genus",
            "mesh.intersect",
            "mesh.oriented",
            "mesh.unit",
            "mesh.volume",
            "lvs.extra",
            "drc.blade",
            "drc.breach",
            "drc.bridge",
            "drc.comb",
            "drc.freeboard",
            "drc.gap",
            "drc.island",
            "drc.overhang",
            "drc.puddle",
            "drc.slope",
            "drc.spout_gap",
            "drc.stray",
            "drc.trapped",
            "drc.wall",
            "mass.leak",
            "mass.recovered",
        ),
    },
    "test_signoff_flow": {
        "test_a_tray_in_which_no_water_is_seen_has_not_passed": (
            "flow.climb",
            "flow.depth",
        ),
        "test_a_baffle_that_is_cut_away_lets_the_jet_see_the_comb": ("flow.inlet",),
        "test_a_lip_that_hardly_reaches_in_lets_thin_streams_meet_the_wall": ("flow.cling",),
        "test_water_of_the_first_device_flies_past_its_gutters": ("flow.reach",),
    },
    "test_signoff_hands": {
        "test_a_shelf_over_a_card_or_a_wall_before_a_cup_shuts_it_in": ("hands.path",),
        "test_what_hangs_in_the_air_is_named_by_how_far[card-L0-b0]": ("hands.stand",),
    },
    "test_signoff_naming": {
        "test_no_naming_makes_another_network_fit": (
            "lvs.section",
            "equivalence.bound",
        ),
        "test_two_units_of_one_water_are_a_short_and_not_a_missing_unit": ("lvs.short",),
    },
    "test_signoff_read": {
        "test_a_maker_that_writes_mirrored_is_found": ("read.label",),
        "test_a_cup_with_a_raised_floor_or_a_narrower_inside_is_not_compared_by_level": ("read.level",),
        "test_levels_of_the_first_device_told_nothing_and_its_marks_too_little": ("read.marks",),
        "test_a_line_of_another_priming_volume_and_a_jug_of_another_section_are_found": ("read.ruler",),
    },
    "test_signoff_reexport": {
        "test_one_part_in_inches_is_told_among_others": ("lvs.missing",),
    },
    "test_siphon_card": {
        "test_a_bore_wholly_blocked_leaves_the_branch_without_water": ("lvs.siphon",),
        "test_a_maker_with_other_physics_of_priming_fails_the_threshold": ("lvs.threshold",),
    },
}
PLANTED = {
    rule: f"tests/{file}.py::{test}"
    for file, tests in WATCHED.items()
    for test, rules in tests.items()
    for rule in rules
}
