"""What the folders of `staff` share: admin classes, action pages, fragments, forms, filters, lists, rights, texts."""
