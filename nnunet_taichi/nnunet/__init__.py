"""What nnU-Net keeps in its folders, and how its commands are called."""
