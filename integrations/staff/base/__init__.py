"""What the folders of `staff` share: admin classes, action pages, forms, filters, lists, rights, words."""
